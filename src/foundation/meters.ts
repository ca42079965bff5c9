/**
 * What a process counts where it happens, for whoever asks how it does. Counting is cheap and never throws; nothing
 * depends on it. Whoever is given none counts nothing ({@link NO_METERS}).
 */
export interface Meters {
  /** A batch of the money path came back. @param calls in it @param seconds from its sending to its answer */
  batch(calls: number, seconds: number, stored: boolean): void
  /** Stored: what customers paid for work and plans. @param amount nano-units, above 0 */
  charged(currency: string, amount: bigint): void
  /** Stored: a job was parked for this reason. */
  rejected(reason: string): void
  /** Stored: work of a model that nobody pays for. @param cost nano-units that a customer would have paid */
  absorbed(reason: string, tokens: number, cost: bigint): void
  /** A queue job was begun for the first time, so long after it was put. */
  queueWaited(queue: string, seconds: number): void
  /** The books were proved. @param whole all organisations, not only what changed @param invariants one per violation */
  verified(whole: boolean, invariants: readonly number[]): void
}

const nothing = (): void => undefined

export const NO_METERS: Meters = {
  batch: nothing,
  charged: nothing,
  rejected: nothing,
  absorbed: nothing,
  queueWaited: nothing,
  verified: nothing,
}
