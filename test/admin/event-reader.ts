import { expect } from 'vitest'
import { eventually } from '../support/tollkeeper.ts'

/** A job as an event brings it; which fields it has, the contract's own tests say. */
export interface ToldJob {
  readonly id: string
  readonly state: string
  readonly stage: string | null
  readonly held: string
  readonly charged: string
  readonly stages: readonly { readonly stage: string; readonly state: string; readonly result: string | null }[]
  readonly rejection: object | null
  readonly result: { readonly text: string } | null
}

export interface ToldEvent {
  readonly event: string
  readonly id: string
  readonly data: ToldJob
}

/** A client of server-sent events that reads at its own pace and keeps what it heard. */
export interface Reader {
  readonly response: Response
  /** So far, in order. */
  readonly heard: readonly ToldEvent[]
  /** Everything as it came, comments too. */
  text(): string
  ids(): readonly string[]
  /** Until it has heard so many. */
  has(count: number): Promise<void>
  /** Until the server has ended the stream. */
  ended(): Promise<void>
  hangUp(): void
}

/** @param lastEventId as a browser sends it when it comes back */
export async function follow(url: string, jobId: string, lastEventId?: string, query = ''): Promise<Reader> {
  const hangUp = new AbortController()
  const headers: Record<string, string> = lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId }
  const response = await fetch(`${url}/api/v1/jobs/${jobId}/events${query}`, { headers, signal: hangUp.signal })
  const heard: ToldEvent[] = []
  let [all, isOver] = ['', false]
  const reading = (async () => {
    let rest = ''
    for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      all += part
      rest += part
      const blocks = rest.split('\n\n')
      rest = blocks.pop() ?? ''
      for (const block of blocks) heard.push(...toEvent(block))
    }
  })()
  void reading
    .catch(() => undefined)
    .finally(() => {
      isOver = true
    })
  return {
    response,
    heard,
    text: () => all,
    ids: () => heard.map(({ id }) => id),
    has: async (count) =>
      void (await eventually(
        async () => heard,
        (list) => list.length >= count,
        45_000,
      )),
    async ended() {
      await eventually(
        async () => isOver,
        (over) => over,
        45_000,
      )
    },
    hangUp: () => hangUp.abort(),
  }
}

function toEvent(block: string): ToldEvent[] {
  const fields = new Map(
    block.split('\n').flatMap((line): [string, string][] => {
      const [, name, value] = /^([a-z]+): (.*)$/.exec(line) ?? []
      return name === undefined ? [] : [[name, value ?? '']]
    }),
  )
  if (!fields.has('event')) return []
  return [
    { event: fields.get('event') ?? '', id: fields.get('id') ?? '', data: JSON.parse(fields.get('data') ?? 'null') },
  ]
}

/** What of events two clients must agree about: a stage that runs may be told as one that waits, which it also was. */
export function agreed(events: readonly ToldEvent[]): unknown {
  return events.map(({ event, id, data }) => ({
    event,
    id,
    data: {
      ...data,
      stages: data.stages?.map((stage) => ({ ...stage, state: stage.state.replace('running', 'waiting') })),
    },
  }))
}

/** An answer of events as a proxy and a browser want it. */
export function expectEventStream({ status, headers }: Response): void {
  expect(status).toBe(200)
  expect(headers.get('Content-Type')).toMatch(/^text\/event-stream/)
  expect(headers.get('Cache-Control')).toBe('no-store')
  expect(headers.get('X-Accel-Buffering')).toBe('no')
}
