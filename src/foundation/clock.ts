/** The time of day as the code may ask for it. Money and claims use the database's clock, never this one. */
export interface Clock {
  now(): Date
}

export const systemClock: Clock = { now: () => new Date() }
