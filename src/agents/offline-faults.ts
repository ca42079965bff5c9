import { setTimeout as pause } from 'node:timers/promises'
import { ConfigurationError } from '../foundation/errors.ts'
import { o200kBase } from '../tokenizer/o200k-base.ts'
import { type LlmAnswer, type LlmProvider, type LlmRequest, ProviderError } from './llm-provider.ts'

/**
 * What one call of the offline model does instead of answering soundly:
 * - `fail`: it is not reached. Nothing is answered or used; `retryable` says whether the queue may try the stage again.
 * - `hang`: it never answers. The call ends with its signal: at the stage's deadline, or when the job needs it no more.
 * - `late`: the sound answer comes so many milliseconds later, and hears no signal, like a provider that works on and
 *   bills although nobody listens any more.
 * - `omit-usage`: the sound answer, and not a word about its usage.
 * - `corrupt-usage`: the sound answer, with `usage` reported instead of the true one, whatever it is.
 * - `cut`: the stream breaks off behind so many characters (code points) of the sound answer, with nothing said about
 *   usage: an error that may be retried, with what had come as its `partial`. A shorter answer is cut at its end.
 * - `repeat`: the sound answer twice in one, with a blank line between, and usage that counts both. It hears no limit:
 *   twice an answer may be more than was asked for.
 */
export type OfflineFault =
  | { readonly kind: 'fail'; readonly retryable: boolean }
  | { readonly kind: 'hang' }
  | { readonly kind: 'late'; readonly ms: number }
  | { readonly kind: 'omit-usage' }
  | { readonly kind: 'corrupt-usage'; readonly usage: unknown }
  | { readonly kind: 'cut'; readonly characters: number }
  | { readonly kind: 'repeat' }

/** A fault of so many calls in a row, default 1; `Infinity` is for ever. null: that call is sound. */
export type PlannedFault = (OfflineFault & { readonly times?: number }) | null

/**
 * Faults on demand, to see what an integration does about a bad model, and what its customers pay then. A list is used
 * up in the order in which calls come in, whatever job they are of; the calls behind it are sound. A function is asked at
 * each call, by its number in this process from 1, and may look at the request to strike one job only.
 */
export type OfflineFaults = readonly PlannedFault[] | ((call: number, request: LlmRequest) => OfflineFault | null)

const KINDS: readonly OfflineFault['kind'][] = ['fail', 'hang', 'late', 'omit-usage', 'corrupt-usage', 'cut', 'repeat']

/** A provider that misbehaves as it is told. @throws ConfigurationError for a list that cannot be meant */
export function withFaults(sound: LlmProvider, faults: OfflineFaults): LlmProvider {
  const faultOf = typeof faults === 'function' ? faults : inOrder(faults)
  let calls = 0
  return {
    ...sound,
    async generate(request) {
      request.signal.throwIfAborted()
      calls += 1
      const fault = faultOf(calls, request)
      return fault === null ? sound.generate(request) : misbehave(checked(fault), request, sound)
    },
  }
}

function inOrder(faults: readonly PlannedFault[]): (call: number) => OfflineFault | null {
  for (const planned of faults) {
    const times = planned?.times ?? 1
    if (times !== Number.POSITIVE_INFINITY && !(Number.isSafeInteger(times) && times >= 1)) {
      throw new ConfigurationError(`A fault strikes a whole number of times, from 1, or Infinity; not ${times}`)
    }
    if (planned) checked(planned)
  }
  return (call) => {
    let last = 0
    for (const planned of faults) {
      last += planned?.times ?? 1
      if (call <= last) return planned
    }
    return null
  }
}

function checked(fault: OfflineFault): OfflineFault {
  if (!KINDS.includes(fault.kind)) {
    const known = KINDS.join(', ')
    throw new ConfigurationError(`The offline model has no fault ${JSON.stringify(fault.kind)}; it has ${known}`)
  }
  if (fault.kind === 'late' && !(fault.ms >= 0)) throw new ConfigurationError('A late answer needs `ms`, 0 or more')
  if (fault.kind === 'cut' && !(fault.characters >= 0)) {
    throw new ConfigurationError('A cut answer needs `characters`, 0 or more')
  }
  return fault
}

async function misbehave(fault: OfflineFault, request: LlmRequest, sound: LlmProvider): Promise<LlmAnswer> {
  switch (fault.kind) {
    case 'fail':
      throw new ProviderError('The offline model fails, as it was told to', fault.retryable)
    case 'hang':
      return untilAborted(request.signal)
    case 'late': {
      const answer = await sound.generate({ ...request, signal: new AbortController().signal })
      return pause(fault.ms, answer, { ref: false })
    }
    case 'omit-usage':
      return { ...(await sound.generate(request)), usage: null }
    case 'corrupt-usage':
      return { ...(await sound.generate(request)), usage: fault.usage }
    case 'cut': {
      const { text } = await sound.generate(request)
      const partial = [...text].slice(0, fault.characters).join('')
      throw new ProviderError('The offline model breaks off, as it was told to', true, { partial })
    }
    case 'repeat': {
      const answer = await sound.generate(request)
      const text = `${answer.text}\n\n${answer.text}`
      const usage = Object.assign({}, answer.usage, { output: o200kBase.count(text) })
      return { ...answer, text, usage }
    }
  }
}

/** Rejects with the signal's reason, and with nothing else ever. */
function untilAborted(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>()
  signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  return promise
}
