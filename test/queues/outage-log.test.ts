import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import type { Logger } from '../../src/foundation/logger.ts'
import { outageLog } from '../../src/queues/outage.ts'

function recorded() {
  const lines: { level: number; reason: string }[] = []
  const logger: Logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  return { logger, lines }
}

describe('what the queue complains about', () => {
  it('is a warning once in a while, not at every try', () => {
    const { logger, lines } = recorded()
    const listen = outageLog(logger, 'redis')
    for (let tries = 0; tries < 50; tries += 1) listen(new Error('connect ECONNREFUSED'))
    listen(new Error('READONLY'))
    expect(lines.map(({ level, reason }) => [level, reason])).toEqual([
      [40, 'connect ECONNREFUSED'],
      [40, 'READONLY'],
    ])
  })

  it('is no trouble where a queue job was removed while it ran', () => {
    const { logger, lines } = recorded()
    const listen = outageLog(logger, 'billing.rejected-for-balance worker')
    listen(new Error('Missing key for job 01a206ec.card.0. moveToFinished'))
    listen(new Error('Missing lock for job 01a206ec.card.0. moveToDelayed'))
    expect(lines.map(({ level }) => level)).toEqual([20, 20])
  })
})
