/**
 * A meter: says how many tokens something has, never what they cost. Measuring has no effect, so it may be repeated.
 * `signal` ends a measurement that has gone to a thread; the promise then rejects with the signal's reason.
 */
export interface TokenMonitor<In, Out> {
  readonly kind: string
  measure(input: In, signal?: AbortSignal): Promise<Out>
}
