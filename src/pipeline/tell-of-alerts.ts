import type { EntityManagerSource } from '../database/transaction.ts'
import type { Logger } from '../foundation/logger.ts'
import type { AlertManager, AlertView } from '../managers/alert.manager.ts'
import { formatAmount, type Nano } from '../pricing/money.ts'

/** Alerts that are told of at once: a storm of them is told sweep by sweep. */
const TOLD_MAX = 200

/**
 * Tells of each alert that was raised, once: in the log, so far. Whoever else wants to hear of alerts is told here. Only
 * what was told is marked, so that an alert is told twice, rather than never, where this process ends between the two.
 * @returns how many it told of
 */
export async function tellOfAlerts({
  alerts,
  em,
  logger,
}: {
  readonly alerts: AlertManager
  readonly em: EntityManagerSource
  readonly logger: Pick<Logger, 'warn'>
}): Promise<number> {
  const untold = await alerts.untold(em(), TOLD_MAX)
  for (const alert of untold) logger.warn(fieldsOf(alert), sentenceOf(alert))
  const ids = untold.map(({ id }) => id)
  await alerts.markTold(em(), ids)
  return ids.length
}

function fieldsOf(alert: AlertView) {
  const { id: alertId, organizationId, metric, estimated, currency, seq, raisedAt, clearedAt } = alert
  const [below, clearAt, value, available] = [alert.below, alert.clearAt, alert.value, alert.available].map(
    formatAmount,
  )
  const demanded = alert.demanded === null ? null : formatAmount(alert.demanded)
  const figures = { below, clearAt, value, available, demanded, estimated, currency, seq }
  return { alertId, organizationId, metric, ...figures, raisedAt, clearedAt }
}

/** What happened, and what to do about it. */
function sentenceOf(alert: AlertView): string {
  const { organizationId, currency, demanded, estimated } = alert
  const money = (nano: Nano): string => `${formatAmount(nano)} ${currency}`
  const of = demanded === null ? '' : `, of which waiting jobs need ${estimated ? 'about ' : ''}${money(demanded)}`
  const low = `${organizationId} has ${money(alert.available)} available${of}: below its threshold of ${money(alert.below)}`
  if (alert.clearedAt !== null) return `${low}; this is over already`
  return `${low}; top up ${money(alert.clearAt - alert.value)} or more to clear this alert`
}
