import { expect } from 'vitest'
import type { AlertRow, AlertWrites, ThresholdRow } from '../../src/ledger/alert-facts.ts'
import type { OrganizationRow } from '../../src/ledger/facts.ts'

interface AlertTables {
  readonly organizations: ReadonlyMap<string, OrganizationRow>
  readonly thresholds: Map<string, ThresholdRow & { readonly organizationId: string }>
  readonly alerts: Map<string, AlertRow>
}

/** Stores what a batch did to thresholds and alerts as the statements do, in their order, constraints included. */
export function storeAlerts({ organizations, thresholds, alerts }: AlertTables, writes: AlertWrites): void {
  for (const id of writes.removed) expect(thresholds.delete(id), `only a stored threshold is removed: ${id}`).toBe(true)
  for (const row of writes.added) {
    const twins = [...thresholds.values()].filter((other) => {
      return other.organizationId === row.organizationId && other.metric === row.metric && other.below === row.below
    })
    expect(twins, 'unique: balance_thresholds_line_unique').toEqual([])
    expect(row.clearAt > row.below, 'check: balance_thresholds_hysteresis').toBe(true)
    thresholds.set(row.id, { ...row })
  }
  for (const id of writes.cleared) {
    const alert = alerts.get(id)
    expect(alert?.clearedAt, `only a raised alert is cleared: ${id}`).toBeNull()
    if (alert) alert.clearedAt = writes.clearedAt
  }
  for (const row of writes.raised) {
    expect(alerts.has(row.id), `an alert is inserted once: ${row.id}`).toBe(false)
    alerts.set(row.id, { ...row })
  }
  const raised = [...alerts.values()].filter(({ clearedAt }) => clearedAt === null)
  expect(new Set(raised.map(({ thresholdId }) => thresholdId)).size, 'unique: balance_alerts_one_raised').toBe(
    raised.length,
  )
  for (const organization of organizations.values()) {
    // As read-organizations has them: the state of a threshold is whether one of its alerts is raised.
    organization.thresholds = [...thresholds.values()].flatMap(({ organizationId, ...row }) => {
      const alertId = raised.find(({ thresholdId }) => thresholdId === row.id)?.id ?? null
      return organizationId === organization.id ? [{ ...row, alertId }] : []
    })
  }
}
