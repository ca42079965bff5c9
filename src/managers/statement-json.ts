import { type Cell, toCsv } from '../foundation/csv.ts'
import { formatAmount } from '../pricing/money.ts'
import { type Movement, SHARES, type Share, type ShareOf, type Statement } from './statement.manager.ts'
import type { Edge, StatedPeriod } from './statement-rows.ts'

const time = (at: number): string => new Date(at).toISOString()

/** A period as a list shows it. */
export function periodToJson(period: StatedPeriod) {
  return {
    organization_id: period.organizationId,
    currency: period.currency,
    period: period.number,
    period_start: time(period.start),
    period_end: time(period.end),
    final: period.closedAt !== null,
    closed_at: period.closedAt === null ? null : time(period.closedAt),
    tariff_id: period.tariffId,
    tariff_version: period.tariffVersion,
    opening: edgeToJson(period.opening),
    closing: edgeToJson(period.closing),
  }
}

export function statementToJson(statement: Statement) {
  const { closing, ...period } = periodToJson(statement)
  const { component, agent, model, member } = statement.shares
  return {
    ...period,
    movements: statement.movements.map(movementToJson),
    closing,
    by_component: component.map((share) => shareToJson('component', share)),
    by_agent: agent.map((share) => shareToJson('agent', share)),
    by_model: model.map((share) => shareToJson('model', share)),
    by_member: member.map((share) => shareToJson('member', share)),
  }
}

const HEADER = ['section', 'name', 'entries', 'quantity', 'amount', 'available', 'held', 'seq']

/** From the opening through every movement to the closing, then who had which share in what jobs and features cost. */
export function statementToCsv({ opening, closing, movements, shares }: Statement): string {
  const edge = (section: string, { seq, available, held }: Edge): readonly Cell[] => {
    return [section, null, null, null, null, formatAmount(available), formatAmount(held), seq]
  }
  const moved = movements.map(({ kind, entries, amount, available, held }): readonly Cell[] => {
    return ['movement', kind, entries, null, ...[amount, available, held].map(formatAmount), null]
  })
  const shared = SHARES.flatMap((of) => {
    return shares[of].map((share): readonly Cell[] => {
      const { quantity = null, amount } = { ...shareToJson(of, share) }
      return [`by_${of}`, share.name, null, quantity, amount, null, null, null]
    })
  })
  return toCsv(HEADER, [edge('opening', opening), ...moved, edge('closing', closing), ...shared])
}

function edgeToJson({ seq, available, held }: Edge) {
  return { seq, available: formatAmount(available), held: formatAmount(held) }
}

function movementToJson({ kind, entries, amount, available, held }: Movement) {
  return {
    kind,
    entries,
    amount: formatAmount(amount),
    available: formatAmount(available),
    held: formatAmount(held),
  }
}

/** Only a component has units of one kind. */
function shareToJson(of: ShareOf, { name, quantity, amount }: Share) {
  return { [of]: name, ...(of === 'component' ? { quantity } : {}), amount: formatAmount(amount) }
}
