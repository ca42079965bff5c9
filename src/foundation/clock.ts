/**
 * The time of day as the code may ask for it. Money and claims go by the database's; a clock other than the system's that a
 * process is given goes before it, so that years of a subscription can be played through in a test.
 */
export interface Clock {
  now(): Date
}

export const systemClock: Clock = { now: () => new Date() }
