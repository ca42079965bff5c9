import { type Bound, found, type Job, PRICES, type Stage } from './money-model-terms.ts'

/** Output tokens per agent, as the product is configured. */
export const OUTPUT_LIMIT = 1_024

export const isOpen = ({ state }: Stage): boolean => state === 'waiting' || state === 'running'
export const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n)

export const costOf = ({ tokens, price, fee, calls, prompt, completion }: Bound): bigint =>
  BigInt(tokens) * price +
  fee +
  BigInt(calls) * (BigInt(prompt) * PRICES.prompt + BigInt(completion) * PRICES.completion)
/** What the open stages may use at most, in money. */
export const useOf = (job: Job): bigint => sum(job.stages.filter(isOpen).map(({ bound }) => costOf(bound)))

/** What a job needs whose open stages may use so much: that, or what it lacks to its minimum until its output is charged. */
export function withMinimum(job: Job, use: bigint): bigint {
  const lacking = isOpen(found(job.stages.at(-1))) ? job.minimum - (job.charged - job.reversed) : 0n
  return use < lacking ? lacking : use
}

export const needOf = (job: Job): bigint => withMinimum(job, useOf(job))

/** Cuts down what the open stages may write, as little as possible, until the job keeps its limit, if it can. */
export function keepsLimit(job: Job, perAgent: number): boolean {
  if (job.maxCost === null) return true
  const most = job.maxCost - (job.charged - job.reversed)
  if (needOf(job) <= most) return true
  const open = job.stages.filter(isOpen)
  const agents = open.filter(({ bound }) => bound.calls > 0)
  for (let limit = Math.max(perAgent, ...agents.map(({ bound }) => bound.completion)) - 1; limit >= 1; limit -= 1) {
    const cut = open.map(({ bound }) => ({
      ...bound,
      completion: Math.min(bound.completion, limit),
      tokens:
        bound.price === PRICES.output
          ? Math.min(bound.tokens, Math.ceil((bound.tokens * limit) / perAgent))
          : bound.tokens,
    }))
    if (withMinimum(job, sum(cut.map(costOf))) > most) continue
    for (const [index, stage] of open.entries()) Object.assign(stage.bound, cut[index])
    return true
  }
  return false
}

/** Fits a parked job again, by what its output may have now. */
export function fitAgain(job: Job): boolean {
  const output = found(job.stages.at(-1))
  const last = job.stages.filter(({ step }) => step === output.step - 1).length
  return keepsLimit(job, isOpen(output) ? Math.max(1, Math.ceil(output.bound.tokens / last)) : 1)
}
