import type { ChatFailures } from './chat-failures.ts'

/** What a server says instead of an answer is read up to here; characters. */
const BODY_MAX = 65_536
/** Bodies that are certainly no stream of events; other names than the right one are let through, and judged by what comes. */
const WHOLE_BODY = /\b(json|html|xml)\b/i

interface StreamLimit {
  readonly bytesMax: number
  endless(): Error
}

/**
 * `fetch` to a model's server. A call is one request, to the configured address and no other: nothing is repeated, and
 * no redirect takes a customer's text elsewhere.
 * @param endless makes the error of a stream that goes on beyond what one may have
 * @returns only what may be a stream of events; everything else rejects with a ProviderError, or the signal's reason
 */
export function chatConnection(failures: ChatFailures, { bytesMax, endless }: StreamLimit): typeof fetch {
  return async (url, init) => {
    const response = await fetch(url, { ...init, redirect: 'manual' }).catch((error: unknown) => {
      throw init?.signal?.aborted ? error : failures.unanswered(error)
    })
    const type = response.headers.get('content-type') ?? 'no content type'
    if (response.ok && !WHOLE_BODY.test(type)) return new Response(limited(response, { bytesMax, endless }), response)
    const body = await beginningOf(response)
    throw response.ok ? failures.notStreamed(type, body) : failures.refused(response.status, body)
  }
}

/** The parser of events keeps what has no end of line yet: without a limit, a broken server fills this process's memory. */
function limited({ body }: Response, { bytesMax, endless }: StreamLimit): ReadableStream<Uint8Array> | null {
  let bytes = 0
  const counted = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.byteLength
      if (bytes > bytesMax) controller.error(endless())
      else controller.enqueue(chunk)
    },
  })
  return body?.pipeThrough(counted) ?? null
}

/** A body that is cut says what it said until then; leaving the loop ends the connection. */
async function beginningOf({ body }: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  try {
    for await (const bytes of body ?? []) {
      text += decoder.decode(bytes, { stream: true })
      if (text.length >= BODY_MAX) break
    }
  } catch {
    return text
  }
  return text.slice(0, BODY_MAX)
}
