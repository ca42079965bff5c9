import { z } from 'zod'
import type { MoveProblem, PlanMoveView } from '../../managers/plan-move.manager.ts'
import type { PlanPreview, PreviewedMove } from '../../managers/plan-preview.manager.ts'
import { formatAmount } from '../../pricing/money.ts'
import type { Tariff } from '../../pricing/tariff.ts'

/** What a publication is asked to do besides; nobody is moved unless it says so. */
export const publication = z
  .strictObject({ apply_to: z.enum(['new', 'next_period', 'now']), dry_run: z.boolean() })
  .partial()
  .transform((body) => ({ applyTo: body.apply_to ?? 'new', dryRun: body.dry_run ?? false }))

export type ApplyTo = z.output<typeof publication>['applyTo']

export function planMoveToJson(move: PlanMoveView) {
  return {
    id: move.id,
    tariff_id: move.planId,
    to_version: move.toVersion,
    apply_to: move.applyTo,
    state: move.state,
    total: move.total,
    moved: move.moved,
    skipped: move.skipped,
    created_at: move.createdAt.toISOString(),
    finished_at: move.finishedAt?.toISOString() ?? null,
  }
}

export function moveProblemToJson({ organizationId, code, detail }: MoveProblem) {
  return { organization_id: organizationId, code, detail }
}

/** @param nextCursor of the list of organisations */
export function planPreviewToJson(preview: PlanPreview, applyTo: ApplyTo, nextCursor: string | null) {
  const { tariff, contentHash, warnings, total, moves } = preview
  return {
    dry_run: true,
    apply_to: applyTo,
    tariff_id: tariff.planId,
    to_version: tariff.version,
    content_hash: contentHash,
    currency: tariff.currency,
    warnings,
    total,
    data: moves.map((move) => previewedMoveToJson(move, tariff)),
    next_cursor: nextCursor,
  }
}

function previewedMoveToJson({ organizationId, old, comparison, problem }: PreviewedMove, next: Tariff) {
  return {
    organization_id: organizationId,
    from_version: old.version,
    to_version: next.version,
    old: termsToJson(old),
    new: termsToJson(next),
    usage_so_far: comparison.uses.map((use) => ({
      component: use.component,
      used: use.used,
      included_used: use.includedUsed,
      amount_at_old: use.amountAtOld === null ? null : formatAmount(use.amountAtOld),
      amount_at_new: use.amountAtNew === null ? null : formatAmount(use.amountAtNew),
    })),
    difference: formatAmount(comparison.difference),
    problem: problem && { code: problem.code, detail: problem.detail },
  }
}

/** What a version costs and allows besides its components. */
function termsToJson({ pricePerMonth, maxTeamMembers, memberPrice, ...rules }: Tariff) {
  return {
    price_per_month: formatAmount(pricePerMonth),
    max_team_members: maxTeamMembers,
    member_price: formatAmount(memberPrice),
    charge_on_failure: rules.chargeOnFailure,
    grace_days: rules.graceDays,
    suspend_after_days: rules.suspendAfterDays,
    minimum_per_job: formatAmount(rules.minimumPerJob),
  }
}
