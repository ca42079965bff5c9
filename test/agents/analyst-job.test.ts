import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Tollkeeper } from '../../src/composition.ts'
import { BilledInformationPipeline } from '../../src/pipeline/billed-information.pipeline.ts'
import { CONTRACT_COMPONENTS, fundedOrganization, openWorld, type World } from '../support/tollkeeper.ts'

let world: World
let tollkeeper: Tollkeeper
beforeAll(async () => {
  world = await openWorld('postgres')
  tollkeeper = await world.open()
  await fundedOrganization(tollkeeper, 'acme', '1.00', CONTRACT_COMPONENTS)
  await tollkeeper.startWorkers()
})
afterAll(() => world?.close())

const MATERIAL =
  'The ferry crosses every hour. A ticket costs four dollars. The crew is friendly and the boat is quiet.'

test('an analyst in a later step answers the question of the text, and is charged like any agent', async () => {
  const pipeline = new BilledInformationPipeline(tollkeeper, 'acme')
  const steps = [['extractor', 'summarizer'], ['analyst']]
  const { text, receipt } = await pipeline.process(`What does a ticket cost?\n\n${MATERIAL}`, { steps })
  expect(text).toMatch(/^Question: What does a ticket cost\?\n1\. "A ticket costs four dollars\." \(/)
  expect(text).toContain('\nReadability: ')
  const lines = receipt.lines.map(({ stage, component }) => `${stage} ${component}`)
  expect(lines.filter((line) => line.startsWith('agent.analyst'))).toEqual([
    'agent.analyst llm-in',
    'agent.analyst llm-out',
  ])
  expect(await tollkeeper.verifier.verify()).toMatchObject({ ok: true, violations: [] })
})

test('a job that names no agents does not get the analyst', async () => {
  const pipeline = new BilledInformationPipeline(tollkeeper, 'acme')
  expect((await pipeline.submit(MATERIAL)).steps).toEqual([['extractor', 'summarizer']])
})
