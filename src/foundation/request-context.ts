import { AsyncLocalStorage } from 'node:async_hooks'

const current = new AsyncLocalStorage<string>()

/** Does the work of one request: every line that is logged meanwhile, however deep below, bears its id. */
export function inRequest<T>(requestId: string, work: () => T): T {
  return current.run(requestId, work)
}

/** The id of the request that is being answered here; undefined outside of any. */
export function currentRequestId(): string | undefined {
  return current.getStore()
}
