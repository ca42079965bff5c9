import { readFile } from 'node:fs/promises'
import type { Tollkeeper } from '../composition.ts'
import { systemClock } from '../foundation/clock.ts'
import { TollkeeperError } from '../foundation/errors.ts'
import { isFinal } from '../ledger/states.ts'
import { jobToJson, receiptToJson } from '../managers/contract-json.ts'
import type { JobView } from '../managers/job-view.ts'
import { formatAmount, type Nano } from '../pricing/money.ts'
import { FREE_INPUT_TOKENS, MEMBER, makeScene, type Scene, toWholeCents } from './demo-scene.ts'
import { excerpt } from './excerpt.ts'
import { followJob } from './follow-job.ts'
import type { Narrator } from './narrator.ts'
import { receiptTable } from './receipt-table.ts'

const TEXT_FILE = new URL('./demo-text.txt', import.meta.url)
const EXCERPT_LINES = 6

interface Telling {
  readonly tollkeeper: Tollkeeper
  readonly narrator: Narrator
  readonly scene: Scene
  readonly text: string
}

/**
 * Runs the demo's two jobs: the first is charged, the second is rejected for balance and resumed by a top-up.
 * @param ready is called when everything runs, before the first line
 * @returns what happened, for --json
 * @throws TollkeeperError `not-verified` where ledger and balance do not agree, or a job ends otherwise than shown
 */
export async function tellDemo(tollkeeper: Tollkeeper, narrator: Narrator, ready: () => void) {
  await tollkeeper.startWorkers()
  ready()
  const text = await readFile(TEXT_FILE, 'utf8')
  const scene = await makeScene(tollkeeper, text, systemClock.now().getTime().toString(36))
  const telling = { tollkeeper, narrator, scene, text }
  tellScene(telling)
  const charged = await tellCharged(telling)
  const rejected = await tellRejected(telling)
  const resumed = await tellResumed(telling, rejected)
  const entries = await tellVerified(telling)
  const { organizationId, tariffId } = scene
  return {
    organization_id: organizationId,
    tariff_id: tariffId,
    rejected: jobToJson(rejected),
    resumed_jobs: [rejected.id],
    receipts: [charged, resumed],
    ledger_entries: entries,
    verified: true,
  }
}

function tellScene({ narrator, scene }: Telling): void {
  const { plan, organizationId, currency, toppedUp, seat } = scene
  narrator.step('Made a plan, an organisation and a member')
  narrator.details([
    `${plan}, in ${currency} per million tokens:`,
    `  input 0.50 (${FREE_INPUT_TOKENS} free a month), model 0.60 in and 2.40 out, output 1.00`,
    '  and 0.02 for each agent of a job, 0.10 for a seat a month',
    `${organizationId}: topped up with ${formatAmount(toppedUp)}, prepaid`,
    `${MEMBER}: a seat for the rest of the month, charged ${formatAmount(seat)}`,
  ])
}

async function tellCharged(telling: Telling) {
  const { narrator, scene, text } = telling
  const words = text.trim().split(/\s+/).length.toLocaleString('en-US')
  narrator.step('Job 1: a report of some pages, for two agents')
  narrator.details([
    `"${text.slice(0, text.indexOf('\n'))}", ${words} words`,
    `costs ${formatAmount(scene.lower)} at least; ${formatAmount(scene.upper)} at most are held`,
  ])
  const job = await follow(telling, (await submit(telling)).id)
  expectState(job, 'charged')
  narrator.details(['', 'its result begins:', ...excerpt(job.result?.text ?? '', EXCERPT_LINES)])
  return tellReceipt(telling, job.id)
}

async function tellRejected(telling: Telling): Promise<JobView> {
  const { narrator, scene, tollkeeper } = telling
  const { available } = await tollkeeper.balances.balance(tollkeeper.em(), scene.organizationId)
  narrator.step(`Job 2: the same again, with ${formatAmount(available)} ${scene.currency} left`)
  const job = await follow(telling, (await submit(telling)).id)
  expectState(job, 'rejected_for_balance')
  const { needed = 0n, missing = 0n } = job.rejection ?? {}
  narrator.details([
    `rejected for balance at ${job.rejection?.stage}: parked, nothing charged`,
    `  needed     ${formatAmount(needed)}`,
    `  available  ${formatAmount(job.rejection?.available ?? 0n)}`,
    `  missing    ${formatAmount(missing)}`,
  ])
  return job
}

async function tellResumed(telling: Telling, { id, rejection }: JobView) {
  const { narrator, scene, tollkeeper } = telling
  const amount: Nano = toWholeCents(rejection?.missing ?? 0n)
  narrator.step(`Top-up of ${formatAmount(amount)} ${scene.currency}`)
  const payment = { amount, reference: 'second', note: 'for the rejected job' }
  const { resumedJobs } = await tollkeeper.balances.topUp(scene.organizationId, payment)
  if (!resumedJobs.includes(id)) throw unlike(`the top-up should have resumed job ${id}`)
  narrator.details(['resumed by the top-up, in its transaction:'])
  expectState(await follow(telling, id), 'charged')
  return tellReceipt(telling, id)
}

async function tellReceipt({ narrator, tollkeeper }: Telling, jobId: string) {
  const receipt = await tollkeeper.jobs.receipt(tollkeeper.em(), jobId)
  narrator.details(['', ...receiptTable(receipt)])
  return receiptToJson(receipt)
}

/** Proves the books of the demo's organisation, as `tollkeeper verify` does. @returns how many entries the ledger has */
async function tellVerified({ narrator, scene, tollkeeper }: Telling): Promise<number> {
  const { organizationId, currency } = scene
  const { entries, violations } = await tollkeeper.verifier.verify({ organizationId })
  if (violations.length > 0) throw unlike(violations.map(({ detail }) => detail).join('; '))
  const { available, held } = await tollkeeper.balances.balance(tollkeeper.em(), organizationId)
  narrator.step('Ledger and balance verified')
  narrator.details([
    `${entries} entries added up again, every line priced again, to the last nano-unit:`,
    `available ${formatAmount(available)} and held ${formatAmount(held)} ${currency} agree`,
  ])
  return entries
}

function submit({ tollkeeper, scene, text }: Telling): Promise<JobView> {
  return tollkeeper.service.submit({ organizationId: scene.organizationId, userId: scene.userId, text })
}

function follow({ tollkeeper, narrator }: Telling, jobId: string): Promise<JobView> {
  const rests = ({ state }: JobView): boolean => isFinal(state) || state === 'rejected_for_balance'
  return followJob(tollkeeper.watcher, jobId, rests, narrator.progress())
}

function expectState(job: JobView, state: JobView['state']): void {
  if (job.state === state) return
  const why = job.failure?.detail ?? 'see its receipt'
  throw unlike(`job ${job.id} should be ${state} and is ${job.state} (${why})`)
}

function unlike(message: string): TollkeeperError {
  return new TollkeeperError('not-verified', 500, message)
}
