/** What the killed worker is doing, and for how long each time: longer than its successor takes to start. */
export const RECOVERY_AGENT = 'patient'
export const WORK_MS = 4_000
