// A platform that has its own queue and its own workers, and wants only to measure and to charge: a monitor says how many
// tokens there were, the billing manager holds, charges and releases. Nothing of the built-in pipeline runs here.
import { type ConnectionOptions, createPostgresBackend, Queue, UnrecoverableError, Worker } from 'bullmq'
import { connect, type LlmBound, type LlmUsage, parseAmount, receiptToJson } from '#tollkeeper'

/** The platform's own queue and its own data; a job of ours is one more id in it. */
interface Review {
  readonly jobId: string
  readonly organizationId: string
  readonly text: string
}

const QUEUE = 'platform.review'
const AGENT = 'reviewer'
const MODEL = 'platform-model-1'
const MAX_OUTPUT_TOKENS = 400

await using billing = await connect({ workers: false })
const { inputMonitor, llmMonitor, outputMonitor } = billing.monitors

// Everything that a queue may deliver twice is safe to run twice: a stage is charged by its key, not by the attempt.
async function review({ text, ...of }: Review): Promise<string> {
  const prompt = `Review this text in one sentence.\n\n${text}`
  const input = await inputMonitor.measure(text)
  // The dearest that may come: no model sees more prompt tokens than the prompt has bytes.
  const llm: LlmBound = {
    model: MODEL,
    calls: 1,
    promptTokens: Buffer.byteLength(prompt),
    maxOutputTokens: MAX_OUTPUT_TOKENS,
  }
  const admitted = await billing.billing.admit(of, [
    { stage: 'input', bound: input },
    { stage: `agent.${AGENT}`, bound: { kind: 'agent', agent: AGENT, llm } },
    { stage: 'output', bound: { kind: 'output', maxTokens: MAX_OUTPUT_TOKENS } },
  ])
  if (admitted.kind === 'refused') throw new UnrecoverableError('not enough balance; top up, then retry this job')
  if (admitted.kind !== 'admitted') throw new UnrecoverableError(`job ${of.jobId} is not to be run`)

  const answer = await callModel(prompt)
  const call = { model: MODEL, prompt, output: answer.text, reported: answer.usage, maxOutputTokens: MAX_OUTPUT_TOKENS }
  const usage: LlmUsage = await llmMonitor.measure(call)
  await billing.billing.settle({ ...of, stage: `agent.${AGENT}` }, { kind: 'agent', agent: AGENT, llm: [usage] })
  await billing.billing.settle({ ...of, stage: 'output' }, await outputMonitor.measure(answer.text), answer.text)
  await billing.billing.release(of)
  return answer.text
}

/** Stands for the platform's model: it says itself what it used, in disjoint classes. */
async function callModel(prompt: string): Promise<{ text: string; usage: Record<string, number> }> {
  const words = prompt.split(/\s+/).length
  const text = `The text has ${words} words and makes one point: prepaid work never ends in a surprise.`
  return { text, usage: { input: words * 2, output: 20 } }
}

// BullMQ where the platform has it: on Redis, or on PostgreSQL beside our tables.
const { redisUrl } = billing.config
const onRedis = { url: redisUrl ?? '', maxRetriesPerRequest: null }
const onPostgres = { connectionString: billing.databaseUrl, schema: 'bullmq', max: 4 }
const connection = (redisUrl === undefined ? onPostgres : onRedis) as ConnectionOptions
// One type for both backends: what differs between them is not used here.
const factory = redisUrl === undefined ? (createPostgresBackend as unknown as undefined) : undefined

const queue = new Queue<Review, string>(QUEUE, { connection }, factory)
const worker = new Worker<Review, string>(QUEUE, ({ data }) => review(data), { connection, concurrency: 4 }, factory)
queue.on('error', (error) => console.error(error.message))
worker.on('error', (error) => console.error(error.message))

const organizationId = 'org-id'
await billing.balances.topUp(organizationId, { amount: parseAmount('1.00'), reference: 'own-pipeline', note: null })
const text = 'A platform that charges before it works never has to ask for money that was spent already.'
const job = await billing.openJob({ organizationId, userId: 'user-id', agents: [AGENT] })
await queue.add('review', { ...job, text }, { attempts: 3, removeOnComplete: 100, removeOnFail: 100 })

// The row is the truth; queue events are hints.
const { state, result } = await billing.watcher.until(job.jobId, (seen) => ['charged', 'failed'].includes(seen.state))
const receipt = receiptToJson(await billing.jobs.receipt(billing.em(), job.jobId))
console.log(`${state}: ${result?.text}`)
console.table(
  receipt.lines.map(({ stage, component, quantity, price, amount }) => ({ stage, component, quantity, price, amount })),
)
console.log(`held ${receipt.held}, charged ${receipt.charged}, released ${receipt.released} ${receipt.currency}`)

await worker.close()
await queue.close()
