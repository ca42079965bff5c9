import { toCsv } from '../foundation/csv.ts'
import { formatAmount } from '../pricing/money.ts'
import type { UsageReport } from './usage.manager.ts'
import type { UsageSum } from './usage-lines.ts'

const time = (at: number): string => new Date(at).toISOString()

export function usageToJson(report: UsageReport) {
  return {
    organization_id: report.organizationId,
    currency: report.currency,
    from: time(report.from),
    to: time(report.to),
    time_zone: report.timeZone.name,
    by: report.by,
    group_by: report.groupBy,
    data: report.groups.map((group) => {
      return { start: time(group.start), end: time(group.end), ...group.of, ...sumToJson(group) }
    }),
    total: sumToJson(report.total),
  }
}

/** The rows without their total, so that a sheet can be summed; the dimensions are those that were asked for. */
export function usageToCsv({ groupBy, groups }: UsageReport): string {
  const header = ['start', 'end', ...groupBy, 'quantity', 'included', 'billed', 'amount', 'jobs']
  const rows = groups.map((group) => {
    const { quantity, included, billed, amount, jobs } = sumToJson(group)
    const dimensions = groupBy.map((name) => group.of[name] ?? null)
    return [time(group.start), time(group.end), ...dimensions, quantity, included, billed, amount, jobs]
  })
  return toCsv(header, rows)
}

function sumToJson({ quantity, included, billed, amount, jobs }: UsageSum) {
  return { quantity, included, billed, amount: formatAmount(amount), jobs }
}
