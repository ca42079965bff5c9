import { availableParallelism } from 'node:os'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type FieldError, TollkeeperError, ValidationError } from '../foundation/errors.ts'
import { normalizeText } from '../tokenizer/normalize.ts'

/** Texts of one list: its answer has some four stages for each, and must stay a page that a client can read at once. */
export const TEXTS_MAX = 1_000
/** Long texts are counted in threads, of which there are no more than this. */
const AT_ONCE = availableParallelism()

/**
 * The texts of a list as they would be stored, each judged like the text of a job.
 * @throws ValidationError at `/texts` for none or more than 1,000; at `/texts/<index>`, code `invalid-text`, for each
 *         text that no job could have, also one above the limit: an answer for the whole list could not say which
 */
export async function normalizeTexts(texts: readonly string[], maxBytes: number): Promise<readonly string[]> {
  if (texts.length === 0) throw ValidationError.of('/texts', 'invalid-value', 'Give at least one text')
  if (texts.length > TEXTS_MAX) {
    throw ValidationError.of('/texts', 'invalid-value', `Give at most ${TEXTS_MAX} texts; quote the rest by itself`)
  }
  const accepted: string[] = []
  const errors: FieldError[] = []
  for (const [index, text] of texts.entries()) {
    const outcome = await acceptText(text, maxBytes, `/texts/${index}`)
    if (typeof outcome === 'string') accepted.push(outcome)
    else errors.push(outcome)
  }
  if (errors.length > 0) throw new ValidationError(errors)
  return accepted
}

/** One text of several, in a turn of the event loop of its own: as it would be stored, or what is wrong with it. */
export async function acceptText(text: string, maxBytes: number, pointer: string): Promise<string | FieldError> {
  await nextTurn()
  try {
    return normalizeText(text, maxBytes)
  } catch (error) {
    if (!(error instanceof TollkeeperError)) throw error
    return { pointer, code: 'invalid-text', detail: error.message }
  }
}

/**
 * Measures texts, a few at once, and gives what was measured in the order of the texts.
 * @param onMeasured is told how many are done
 * @throws what `measure` throws for the first text that it fails for
 */
export async function* measureInOrder<T>(
  texts: readonly string[],
  measure: (text: string) => Promise<T>,
  onMeasured: (done: number) => void,
): AsyncGenerator<T> {
  const takeTurn = createTurns()
  const ahead: Promise<T>[] = []
  let done = 0
  for (const text of texts) {
    const measured = takeTurn().then(() => measure(text))
    // Nobody waits yet for what runs ahead: its failure is heard in its turn, or not at all behind another.
    measured.catch(() => undefined)
    ahead.push(measured)
    const first = ahead.length < AT_ONCE ? undefined : ahead.shift()
    if (first === undefined) continue
    yield await first
    onMeasured(++done)
  }
  for (const measured of ahead) {
    yield await measured
    onMeasured(++done)
  }
}

/** Whoever asks gets a turn of the event loop of its own: short texts are counted on it, one in each. */
function createTurns(): () => Promise<void> {
  let last: Promise<void> = Promise.resolve()
  return () => {
    last = last.then(() => nextTurn())
    return last
  }
}
