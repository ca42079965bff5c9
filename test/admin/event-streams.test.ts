import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import express, { type Response } from 'express'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sendEvents } from '../../src/admin/event-stream.ts'
import { type AdminServer, startAdminServer } from '../../src/admin/server.ts'
import { type JobEvent, type JobEventStream, JobEvents } from '../../src/pipeline/job-events.ts'
import { eventually } from '../support/tollkeeper.ts'
import { expectEventStream, follow, type Reader } from './event-reader.ts'
import { type Door, expectProblem, openDoor, publishedTariff } from './open-door.ts'

const JOBS = '/api/v1/jobs'

let door: Door
beforeAll(async () => {
  door = await openDoor()
  const tariff = await publishedTariff(door.ask)
  for (const id of ['acme', 'rival']) await door.ask('/api/v1/admin/organizations', { body: { id, tariff_id: tariff } })
})
afterAll(() => door.close())

const submit = async (id = 'acme') =>
  (await door.ask(JOBS, { body: { organization_id: id, text: 'A text', agents: ['extractor'] } })).body.id

describe('a stream of events', () => {
  test('begins with the job as it is, and how long to wait before coming back', async () => {
    const id = await submit()
    const reader = await follow(door.url, id, undefined, '?organization_id=acme')
    expectEventStream(reader.response)
    await reader.has(1)
    expect(reader.heard).toEqual([{ event: 'job', id: '0.0.queued', data: (await door.ask(`${JOBS}/${id}`)).body }])
    expect(reader.text()).toMatch(/^retry: \d+\n\nevent: job\nid: 0\.0\.queued\ndata: \{.*\}\n\n$/)
    reader.hangUp()
    await eventually(
      async () => door.tollkeeper.jobEvents.size,
      (size) => size === 0,
    )
  })

  test('begins anew for who names an event that this job cannot have had, and is quiet for who knows its place', async () => {
    const id = await submit()
    for (const foreign of ['', 'x', '0.0', '1.1.processing', '0.ff.queued', '0.0.charged', '9'.repeat(500)]) {
      const reader = await follow(door.url, id, foreign)
      await reader.has(1)
      expect(reader.ids(), `behind "${foreign}"`).toEqual(['0.0.queued'])
      reader.hangUp()
    }
    const knowing = await follow(door.url, id, '0.0.queued')
    await pause(1_200)
    expect(knowing.heard).toEqual([])
    await door.ask(`${JOBS}/${id}`, { method: 'DELETE' })
    await knowing.ended()
    expect(knowing.ids()).toEqual(['0.0.cancelled', '0.0.cancelled.end'])
  })

  test("of another organisation's job is as little found as one of none", async () => {
    const id = await submit()
    const nobody = '00000000-0000-7000-8000-000000000000'
    const foreign = await door.ask(`${JOBS}/${id}/events?organization_id=rival`)
    const missing = await door.ask(`${JOBS}/${nobody}/events?organization_id=rival`)
    expectProblem(foreign, 404, 'not-found')
    expect({ ...foreign.body, request_id: '' }).toEqual({ ...missing.body, request_id: '' })
    expectProblem(await door.ask(`${JOBS}/${id}/events?from=1`), 400, 'invalid-query')
    expect(door.tollkeeper.jobEvents.size).toBe(0)
  })

  test('shows HEAD its headers, and opens nothing for it', async () => {
    const answer = await door.ask(`${JOBS}/${await submit()}/events`, { method: 'HEAD' })
    expect([answer.status, answer.text]).toEqual([200, ''])
    expect(answer.headers.get('Content-Type')).toMatch(/^text\/event-stream/)
    expect(door.tollkeeper.jobEvents.size).toBe(0)
  })

  test('is refused above 250 of an organisation, which leaves the others theirs', async () => {
    const id = await submit()
    const readers: Reader[] = []
    for (let index = 0; index < 250; index += 1) readers.push(await follow(door.url, id))
    const refused = await door.ask(`${JOBS}/${id}/events`)
    expectProblem(refused, 429, 'rate-limited')
    expect(refused.headers.get('Retry-After')).toBe('1')
    const other = await follow(door.url, await submit('rival'))
    await other.has(1)
    for (const reader of [...readers, other]) reader.hangUp()
    await eventually(
      async () => door.tollkeeper.jobEvents.size,
      (size) => size === 0,
    )
    const again = await follow(door.url, id)
    await again.has(1)
    again.hangUp()
  })
})

describe('many streams', () => {
  test('are looked at together, however many they are', async () => {
    const { jobs, em, logger, jobEvents } = door.tollkeeper
    const ids = await Promise.all(Array.from({ length: 20 }, () => submit()))
    let looks = 0
    const counting = new JobEvents({
      jobs,
      logger,
      // Deaf: as if every notice was lost.
      notifications: { on: () => () => undefined } as never,
      em: () => {
        looks += 1
        return em()
      },
      streamsMax: 400,
      streamsOfOrganizationMax: 400,
    })
    const open = () =>
      ids.flatMap((id) => Array.from({ length: 20 }, () => counting.open({ id, organizationId: 'acme' }, null)))
    const heard: JobEvent[] = []
    const streams = open()
    expect(() => counting.open({ id: ids[0] ?? '', organizationId: 'acme' }, null)).toThrow(/No more events/)
    const reading = streams.map(async (stream) => {
      for await (const event of stream) heard.push(event)
    })
    await eventually(
      async () => heard.length,
      (length) => length === 400,
    )
    const read = looks
    expect(read).toBeLessThanOrEqual(40)
    await pause(2_200)
    // Twice a second for all of them: nobody heard anything, and nobody was read again.
    expect(looks - read).toBeLessThanOrEqual(6)
    expect(looks - read).toBeGreaterThanOrEqual(2)
    await door.ask(`${JOBS}/${ids[3]}`, { method: 'DELETE' })
    await eventually(
      async () => heard.length,
      (length) => length === 400 + 40,
    )
    counting.close()
    await Promise.all(reading)
    expect(counting.size).toBe(0)
    expect(() => counting.open({ id: ids[0] ?? '', organizationId: 'acme' }, null)).toThrow(/No more events/)
    expect(jobEvents.size).toBe(0)
  })
})

describe('a client that takes nothing', () => {
  let server: AdminServer
  let stream: JobEventStream & { disposed: boolean; made: number }
  let ended: Promise<void>

  /** Events of a megabyte each without end, or none at all; how many were asked for, and whether somebody let go. */
  function endless(perEvent: number): typeof stream {
    const job = {
      stages: [],
      steps: [],
      held: 0n,
      charged: 0n,
      rejection: null,
      failure: null,
    } as unknown as JobEvent['job']
    const noisy = { ...job, createdAt: new Date(0), finishedAt: null, result: { text: 'x'.repeat(perEvent) } }
    const made = { disposed: false, made: 0, stop: (): void => undefined }
    return Object.assign(made, {
      async *[Symbol.asyncIterator](): AsyncGenerator<JobEvent> {
        while (!made.disposed) {
          if (perEvent === 0) await new Promise<void>((resolve) => Object.assign(made, { stop: resolve }))
          else yield { kind: 'job', id: `${++made.made}`, job: noisy }
        }
      },
      [Symbol.dispose]: () => {
        made.disposed = true
        made.stop()
      },
    })
  }
  const listen = async (perEvent: number, timing: { heartbeatMs: number; slowMs: number }) => {
    const app = express()
    stream = endless(perEvent)
    app.get('/', (_req, res: Response) => {
      ended = sendEvents(res, stream, timing)
    })
    server = await startAdminServer(app, { host: '127.0.0.1', port: 0 })
    const socket: Socket = connect(Number(new URL(server.url).port), '127.0.0.1')
    await once(socket, 'connect')
    socket.on('error', () => undefined)
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    return socket
  }

  test('is dropped, and nothing is made for it meanwhile', async () => {
    const socket = await listen(1024 * 1024, { heartbeatMs: 60_000, slowMs: 400 })
    socket.pause()
    await eventually(
      async () => stream.made,
      (made) => made > 0,
    )
    await eventually(
      async () => stream.disposed,
      (disposed) => disposed,
    )
    await ended
    // What fits into the sockets of both sides, and one more.
    expect(stream.made).toBeLessThan(20)
    socket.destroy()
    await server.close(0)
  })

  test('but hears from time to time that somebody is there', async () => {
    const socket = await listen(0, { heartbeatMs: 50, slowMs: 400 })
    let heard = ''
    socket.on('data', (part) => {
      heard += part
    })
    await eventually(
      async () => heard.split(': \n\n').length,
      (beats) => beats > 3,
    )
    expect(heard).toMatch(/^HTTP\/1\.1 200 OK/)
    expect(stream.disposed).toBe(false)
    socket.destroy()
    await eventually(
      async () => stream.disposed,
      (disposed) => disposed,
    )
    await ended
    await server.close(0)
  })
})
