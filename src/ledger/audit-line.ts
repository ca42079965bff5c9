import { agentComponent, llmComponent, meterComponent } from '../pricing/match.ts'
import { formatAmount } from '../pricing/money.ts'
import { amountOf } from '../pricing/rates.ts'
import type { Component, Tariff, Tier } from '../pricing/tariff.ts'
import type { SettledLine } from './facts.ts'

const AGENT_STAGE = 'agent.'
/** What stands for the model where a stage called several under one component and class. */
const SEVERAL_MODELS = '*'

/** The key of the agent that a stage runs, or null for input and output. */
function agentOf(stage: string): string | null {
  return stage.startsWith(AGENT_STAGE) ? stage.slice(AGENT_STAGE.length) : null
}

/**
 * Prices the lines of a settled stage again, from their own figures and the pinned tariff; but for the minimum, which
 * follows from the lines of all stages.
 * @returns what is wrong with them, in sentences; none is the good answer
 */
export function lineFaults(tariff: Tariff, stage: string, lines: readonly SettledLine[]): readonly string[] {
  const flatPaid = new Set<string>()
  const faults: string[] = []
  const priced = lines.filter(({ kind }) => kind !== 'minimum')
  for (const line of priced) {
    const fault = lineFault(componentOf(tariff, stage, line), line, flatPaid)
    if (fault !== null) faults.push(`line ${line.component ?? line.kind}/${line.tokenClass ?? '-'} ${fault}`)
  }
  const agent = agentOf(stage)
  const due = agent === null ? priced.length > 0 : agentComponent(tariff, agent) === null || hasFee(lines)
  if (!due) faults.push(agent === null ? 'has no line for its meter' : 'has no line for the fee of its agent')
  return faults
}

const hasFee = (lines: readonly SettledLine[]): boolean => lines.some((line) => line.kind === 'agent')

/**
 * @param component by what the pinned tariff prices this line; null: by nothing
 * @param flatPaid the flat components that lines before this one paid; this one's is added
 * @returns what is wrong with one line, or null
 */
export function lineFault(component: Component | null, line: SettledLine, flatPaid: Set<string>): string | null {
  if ((component?.key ?? null) !== line.component) {
    return `is not priced by ${component ? `component ${component.key}` : 'any component'} of the pinned tariff`
  }
  const { quantity, includedUsed, billedQuantity, amount, writtenOff } = line
  if (quantity < 0 || includedUsed < 0 || includedUsed + billedQuantity !== quantity) {
    return `bills ${billedQuantity} and ${includedUsed} included of ${quantity} units`
  }
  if (amount < 0n || writtenOff < 0n) return 'has a negative amount'
  if (component === null)
    return amount + writtenOff === 0n ? null : 'charges for what the pinned tariff has no price for'
  if (!isRateOf(component, line)) return `has another price than component ${component.key} of the pinned tariff`
  if (includedUsed > component.included) return `used ${includedUsed} of ${component.included} included units`
  if (line.counterAfter !== line.counterBefore + quantity) {
    return `moves its counter from ${line.counterBefore} to ${line.counterAfter} for ${quantity} units`
  }
  // A flat component is charged once per stage; its further lines are free.
  const free = component.model === 'flat' && flatPaid.has(component.key)
  if (component.model === 'flat' && billedQuantity > 0) flatPaid.add(component.key)
  const price = free ? 0n : amountOf(component, line.billedBefore, billedQuantity)
  if (amount + writtenOff === price) return null
  return `charges ${formatAmount(amount)} and writes ${formatAmount(writtenOff)} off; ${quantity} units cost ${formatAmount(price)}`
}

/** By what the pinned tariff prices this line. */
function componentOf(tariff: Tariff, stage: string, line: SettledLine): Component | null {
  switch (line.kind) {
    case 'input_tokens':
    case 'output_tokens':
      return meterComponent(tariff, line.kind)
    case 'agent':
      return agentComponent(tariff, agentOf(stage) ?? '')
    case 'llm_tokens':
      if (line.tokenClass === null || line.llmModel === null) return null
      if (line.llmModel !== SEVERAL_MODELS) return llmComponent(tariff, line.llmModel, line.tokenClass)
      return tariff.components.find(({ key, kind }) => key === line.component && kind === 'llm_tokens') ?? null
    default:
      return null
  }
}

function isRateOf(component: Component, line: SettledLine): boolean {
  const isPrice = component.model === line.model && component.price === line.price && component.per === line.per
  return isPrice && areSame(component.tiers, line.tiers)
}

function areSame(own: readonly Tier[] | null, other: readonly Tier[] | null): boolean {
  if (own === null || other === null) return own === other
  if (own.length !== other.length) return false
  return own.every(({ upTo, price }, index) => other[index]?.upTo === upTo && other[index]?.price === price)
}
