import { describe, expect, it } from 'vitest'
import { CounterFold } from '../../src/ledger/audit-counters.ts'
import { Findings } from '../../src/ledger/audit-findings.ts'
import { type AuditedJob, auditJob } from '../../src/ledger/audit-job.ts'
import type { SettledLine } from '../../src/ledger/facts.ts'
import type { World } from './world.ts'
import { about, admitted, agentUsage, plainTariff, settle, worldOf } from './world-fixtures.ts'

const PLAN = { ...plainTariff, minimumPerJob: 150n }
const OUTPUT = { kind: 'output', tokens: 30 } as const

/** A job of 5 + 53 + 30 and 62 more for its minimum. */
function charged(): World {
  const world = worldOf({ plan: PLAN })
  admitted(world, 'j')
  settle(world, 'j', 'agent.a', agentUsage('a', 18, 25))
  settle(world, 'j', 'output', OUTPUT)
  return world
}

function auditedOf(world: World): AuditedJob {
  const { id, userId, state, tariffVersionId, periodStart, reversed, released, writtenOff } = world.job('j')
  const entries = world.ledger('acme').filter(({ jobId }) => jobId === 'j')
  const stages = world.stagesOf('j').map((row) => ({ ...row, lines: row.lines ?? null }))
  const figures = { charged: world.job('j').charged, reversed, released, writtenOff }
  const own = { own: true } as const
  return {
    ...{ id, userId, state, tariffVersionId, periodStart, ...figures, stages },
    holds: [...world.holds.values()].map((hold) => ({ ...hold, ...own })),
    entries: entries.map((entry) => ({ ...entry, ...own })),
  }
}

function violationsOf(job: AuditedJob, plan = PLAN): readonly string[] {
  const findings = new Findings('acme')
  auditJob(job, plan, findings)
  return findings.violations().map(({ invariant, detail }) => `${invariant} ${detail}`)
}

/** The job with other lines in one of its stages. */
const withLines = (
  job: AuditedJob,
  stage: string,
  change: (lines: readonly SettledLine[]) => readonly SettledLine[],
) => ({
  ...job,
  stages: job.stages.map((each) => (each.stage === stage ? { ...each, lines: change(each.lines ?? []) } : each)),
})

describe('the audit of a minimum', () => {
  it('makes it again from the other lines of the job', () => {
    const job = auditedOf(charged())
    expect(violationsOf(job)).toEqual([])
    const findings = new Findings('acme')
    const counters = new CounterFold()
    counters.add(job, PLAN)
    const used = [...charged().counters.values()]
    counters.compare(used, findings)
    expect(findings.violations()).toEqual([])
  })

  it.each<[string, (line: SettledLine) => SettledLine, RegExp]>([
    [
      'less',
      (line) => ({ ...line, amount: 61n }),
      /charges a minimum of 0.000000061; its job lacked 0.000000062 to it/,
    ],
    ['more', (line) => ({ ...line, amount: 63n }), /charges a minimum of 0.000000063; its job lacked 0.000000062/],
    ['a part of which is borne', (line) => ({ ...line, writtenOff: 1n }), /charges a minimum of 0.000000063/],
    ['of another price', (line) => ({ ...line, price: 151n }), /has another price in its minimum/],
    ['of two', (line) => ({ ...line, quantity: 2, billedQuantity: 2 }), /has another quantity in its minimum/],
    ['under another name', (line) => ({ ...line, component: 'output' }), /has another component in its minimum/],
  ])('finds one %s', (_what, change, fault) => {
    const job = withLines(auditedOf(charged()), 'output', ([own, minimum]) => {
      return [own as SettledLine, change(minimum as SettledLine)]
    })
    expect(violationsOf(job)).toContainEqual(expect.stringMatching(fault))
  })

  it('finds one that is missing, one that is not due, a second one, and one in another stage', () => {
    const job = auditedOf(charged())
    const without = withLines(job, 'output', ([own]) => [own as SettledLine])
    expect(violationsOf(without)).toContainEqual(
      expect.stringMatching(/stage output of job j charges no minimum; its job lacks 0.000000062 to it/),
    )
    expect(violationsOf(job, { ...PLAN, minimumPerJob: 0n })).toContainEqual(
      expect.stringMatching(/charges a minimum of 0.000000062; its job lacked 0.00 to it/),
    )
    const twice = withLines(job, 'output', (lines) => [...lines, ...lines.slice(1)])
    expect(violationsOf(twice)).toContainEqual(expect.stringMatching(/stage output of job j has 2 minimums/))
    const minimum = job.stages.at(-1)?.lines?.at(-1) as SettledLine
    const elsewhere = withLines(without, 'input', (lines) => [...lines, minimum])
    expect(violationsOf(elsewhere)).toContainEqual(
      expect.stringMatching(/stage input of job j has a minimum, which a job pays with its output/),
    )
  })

  it('counts of an own job only what was charged before its output', () => {
    const world = worldOf({ plan: PLAN })
    admitted(world, 'j', { runner: 'own', steps: [['a'], ['b']] })
    settle(world, 'j', 'agent.a', agentUsage('a', 18, 25))
    settle(world, 'j', 'output', OUTPUT)
    settle(world, 'j', 'agent.b', agentUsage('b', 0, 2))
    about(world, 'complete', 'j')
    expect(world.stage('j', 'output').lines?.at(-1)).toMatchObject({ kind: 'minimum', amount: 62n })
    expect(violationsOf(auditedOf(world))).toEqual([])
  })
})
