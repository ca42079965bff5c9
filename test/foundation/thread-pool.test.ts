import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterEach, expect, test, vi } from 'vitest'
import { UnavailableError } from '../../src/foundation/errors.ts'
import { DeadlineError, TaskError, ThreadPool, threadEntry } from '../../src/foundation/thread-pool.ts'

vi.setConfig({ testTimeout: 30_000 }) // starting threads is slow on a busy machine

const entry = threadEntry(import.meta.url, '../fixtures/threads/poison.thread')
const pools: ThreadPool[] = []
const createPool = (size: number): ThreadPool => {
  const pool = new ThreadPool(entry, size)
  pools.push(pool)
  return pool
}

afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.close()
})

test('a task is answered by a thread, and tasks beyond the size wait for their turn', async () => {
  const pool = createPool(1)
  const answers = await Promise.all([1, 2, 3, 4, 5].map((task) => pool.run<{ echo: number }>(task)))
  expect(answers.map(({ echo }) => echo)).toEqual([1, 2, 3, 4, 5])
})

test('a spinning task ends at its deadline and the pool works again', async () => {
  const pool = createPool(1)
  const spinning = pool.run('spin', { deadlineMs: 300 })
  const behind = pool.run('behind')
  await expect(spinning).rejects.toThrow(DeadlineError)
  await expect(behind).resolves.toEqual({ echo: 'behind' })
})

test('an abort ends a running task and its thread with the reason of the signal', async () => {
  const pool = createPool(1)
  const controller = new AbortController()
  const running = pool.run('spin', { signal: controller.signal })
  setTimeout(() => controller.abort(new Error('cancelled by the customer')), 200)
  await expect(running).rejects.toThrow('cancelled by the customer')
  await expect(pool.run('after')).resolves.toEqual({ echo: 'after' })
})

test('an abort takes a waiting task out of the line and leaves the running one alone', async () => {
  const pool = createPool(1)
  const running = pool.run('first')
  const controller = new AbortController()
  const waiting = pool.run('second', { signal: controller.signal })
  controller.abort(new Error('not wanted any more'))
  await expect(waiting).rejects.toThrow('not wanted any more')
  await expect(running).resolves.toEqual({ echo: 'first' })
})

test('a task whose signal has aborted before is never begun', async () => {
  await expect(createPool(1).run('spin', { signal: AbortSignal.abort(new Error('too late')) })).rejects.toThrow(
    'too late',
  )
})

test('a task that throws rejects with its message and keeps its thread', async () => {
  const pool = createPool(1)
  await expect(pool.run('throw')).rejects.toThrow(new TaskError('this task cannot be done'))
  await expect(pool.run('next')).resolves.toEqual({ echo: 'next' })
})

test.each(['leave', 'hoard'])('a thread that dies of "%s" fails its own task only', async (task) => {
  const pool = createPool(1)
  const dying = pool.run(task)
  const behind = pool.run('behind')
  await expect(dying).rejects.toThrow(UnavailableError)
  await expect(behind).resolves.toEqual({ echo: 'behind' })
})

test('a task that cannot be cloned is refused and the thread stays usable', async () => {
  const pool = createPool(1)
  await expect(pool.run(() => 'no function travels')).rejects.toThrow()
  await expect(pool.run('data')).resolves.toEqual({ echo: 'data' })
})

test('closing ends what waits and runs, refuses what comes, and may be repeated', async () => {
  const pool = createPool(1)
  const tasks = [pool.run('spin'), pool.run('waiting')]
  const settled = Promise.allSettled(tasks)
  await pool.close()
  await pool.close()
  expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  await expect(pool.run('late')).rejects.toThrow(UnavailableError)
})

test('the entry of a thread takes the form of the module that names it', () => {
  expect(threadEntry('file:///app/src/a.ts', './work.thread').href).toBe('file:///app/src/work.thread.ts')
  expect(threadEntry('file:///app/dist/a.js', './work.thread').href).toBe('file:///app/dist/work.thread.js')
})

test('idle threads keep no process alive, and a running task does', async () => {
  const pool = new URL('../../src/foundation/thread-pool.ts', import.meta.url).href
  const script = `import { ThreadPool } from '${pool}'
    const threads = new ThreadPool(new URL('${entry.href}'), 1)
    threads.run('done').then(({ echo }) => console.log(echo))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    timeout: 20_000,
  })
  expect(stdout).toBe('done\n')
})
