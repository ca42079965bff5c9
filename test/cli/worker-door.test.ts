import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { component, eventually, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'
import { startCli } from './cli-process.ts'

let world: World
beforeAll(async () => {
  world = await openWorld('postgres', { LOG_LEVEL: 'info' })
})
afterAll(() => world.close())

test('a process that only works tells its health and metrics where PORT says, and nothing else', async () => {
  const tollkeeper = await world.open()
  const run = component('run', { kind: 'agent', agent: 'extractor' }, '0.25')
  await fundedOrganization(tollkeeper, 'acme', '10', [run])
  const worker = startCli(['start'], { ...world.env, ROLE: 'worker', PORT: '0' })
  const ended = once(worker, 'exit')
  let log = ''
  worker.stderr?.on('data', (bytes) => {
    log += String(bytes)
  })
  try {
    const url = await eventually(
      async () => /"url":"([^"]+)","msg":"health and metrics are told here"/.exec(log)?.[1] ?? '',
      (seen) => seen !== '',
    )
    expect(await (await fetch(`${url}/health/ready`)).json()).toEqual({ status: 'ready' })
    const text = 'The toll is paid at the gate.'
    await tollkeeper.service.submit({ organizationId: 'acme', text, agents: ['extractor'] })
    const metrics = async (): Promise<string> => (await fetch(`${url}/metrics`)).text()
    const seen = await eventually(metrics, (told) => told.includes('tollkeeper_jobs{state="charged"} 1'))
    expect(seen).toContain('tollkeeper_charged_nano_total{currency="USD"} 250000000')
    expect(seen).toContain('tollkeeper_queue_wait_seconds_count{queue="pipeline.output"} 1')
    expect((await fetch(`${url}/api/v1/admin/tariffs`)).status).toBe(404)
    expect((await fetch(`${url}/admin/queues`)).status).toBe(404)
  } finally {
    worker.kill('SIGTERM')
    await ended
  }
  expect(worker.exitCode).toBe(0)
})
