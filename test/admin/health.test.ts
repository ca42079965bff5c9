import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Door, expectProblem, openDoor } from './open-door.ts'

let door: Door
beforeAll(async () => {
  door = await openDoor()
})
afterAll(() => door.close())

const ready = () => door.ask('/health/ready')

test('a process whose database is not migrated to what it was built for is not ready', async () => {
  expect((await ready()).body).toEqual({ status: 'ready' })
  const { query } = door.database
  const [last] = await query<{ name: string }>(
    'delete from tollkeeper.migrations where id = (select max(id) from tollkeeper.migrations) returning name',
  )
  const answer = await ready()
  expectProblem(answer, 503, 'unavailable')
  expect(answer.body.detail).toContain('migrations')
  expect(answer.headers.get('Retry-After')).toBe('1')
  expect((await door.ask('/health/live')).status).toBe(200)
  await query('insert into tollkeeper.migrations (name) values ($1)', [last?.name])
  expect((await ready()).status).toBe(200)
})

test('a process whose workers have ended is not ready', async () => {
  await door.tollkeeper.startWorkers()
  expect((await ready()).status).toBe(200)
  await door.tollkeeper.stopWorkers()
  const answer = await ready()
  expectProblem(answer, 503, 'unavailable')
  expect(answer.body.detail).toContain('workers')
})

test('a process that was told to stop is not ready, and still answers', async () => {
  door.tollkeeper.beginStop()
  const answer = await ready()
  expectProblem(answer, 503, 'unavailable')
  expect(answer.body.detail).toContain('told to stop')
  expect((await door.ask('/health/live')).body).toEqual({ status: 'live' })
  expect((await door.ask('/api/v1/admin/tariffs')).status).toBe(200)
})
