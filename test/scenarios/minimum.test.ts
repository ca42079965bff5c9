import { describe, it } from 'vitest'
import { job, look, organization, plan, topUp } from './steps.ts'
import { play } from './story.ts'

describe('a story of a plan with a minimum per job', () => {
  it('each job costs it at least, in each period, and none starts that cannot pay it', async () => {
    await play([
      ['2026-01-10', plan('Least', { minimum_per_job: '-1.50' }), 'invalid-amount /minimum_per_job'],
      ['2026-01-10', plan('Least', { minimum_per_job: '1.50' }), 'published'],
      ['2026-01-10', organization('acme', 'Least'), '0.00'],
      ['2026-01-10', topUp('acme', '5.00'), '5.00'],
      ['2026-01-11', job('acme', { input: 100, output: 100 }), '1.50'],
      ['2026-01-12', job('acme', { input: 1_000, output: 500 }), '2.00'],
      ['2026-01-13', job('acme', { output: 750 }), '1.50'],
      ['2026-02-10', look('acme'), 'active 0.00'],
      ['2026-02-10', topUp('acme', '1.49'), '1.49'],
      ['2026-02-10', job('acme', {}), 'insufficient'],
      ['2026-02-10', topUp('acme', '0.01'), '1.50'],
      ['2026-02-10', job('acme', {}), '1.50'],
      ['2026-02-10', look('acme'), 'active 0.00'],
    ])
  })
})
