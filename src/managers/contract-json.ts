import type { SettledLine } from '../ledger/facts.ts'
import type { LedgerEntry } from '../models/ledger-entry.model.ts'
import { formatAmount, type Nano } from '../pricing/money.ts'
import type { Balance, FundingResult } from './balance-view.ts'
import type { FeatureChargeView } from './feature-charge-view.ts'
import type { JobView, Receipt } from './job-view.ts'
import type { MemberView } from './member-view.ts'
import type { BatchQuoteView, QuoteView } from './quote-view.ts'

/** The shapes of contract.md: snake_case, amounts as strings, times in UTC with milliseconds. */
const time = (at: Date | null): string | null => at?.toISOString() ?? null
const amountOrNull = (nano: Nano | null): string | null => (nano === null ? null : formatAmount(nano))

/** Why a job is parked, in a sentence that says what unlocks it. */
export function rejectionSentence(
  rejection: Pick<NonNullable<JobView['rejection']>, 'reason' | 'needed' | 'available' | 'missing'>,
  currency: string,
): string {
  const [needed, available, missing] = [rejection.needed, rejection.available, rejection.missing].map(formatAmount)
  const figures = `needs ${needed} ${currency}, ${available} available`
  if (rejection.reason === 'insufficient') return `${figures}, short by ${missing}; a top-up resumes it`
  if (rejection.reason === 'held_by_others')
    return `${figures}, short by ${missing}; it waits for other jobs' holds to close`
  if (rejection.reason === 'past_due')
    return `${figures}, but the organisation's fees are past due; pay them to resume it`
  if (rejection.reason === 'frozen')
    return `${figures}, but the organisation's spending is frozen; unfreeze it to resume it`
  const left = `needs ${needed} ${currency}, the member's spending limit leaves ${available}`
  return `${left}, short by ${missing}; a higher limit, a job of the member's that ends, or the next period resumes it`
}

/** What to ask for next about a job, as a request line. */
function nextOf({ id, organizationId, userId, state, rejection }: JobView): string {
  if (state === 'charged') return `GET /api/v1/jobs/${id}/receipt`
  if (state === 'failed' || state === 'cancelled') return `POST /api/v1/jobs/${id}/resubmit`
  if (state !== 'rejected_for_balance') return `GET /api/v1/jobs/${id}/events`
  const organization = `/api/v1/admin/organizations/${organizationId}`
  if (rejection?.reason === 'frozen') return 'GET /api/v1/admin/verify'
  return rejection?.reason === 'member_limit'
    ? `PATCH ${organization}/members/${userId}`
    : `POST ${organization}/top-ups`
}

export function jobToJson(job: JobView) {
  return {
    id: job.id,
    organization_id: job.organizationId,
    user_id: job.userId,
    external_id: job.externalId,
    state: job.state,
    stage: job.stage,
    steps: job.steps,
    tariff_id: job.tariffId,
    tariff_version: job.tariffVersion,
    currency: job.currency,
    held: formatAmount(job.held),
    charged: formatAmount(job.charged),
    stages: job.stages.map((stage) => ({
      stage: stage.stage,
      state: stage.state,
      tokens: stage.tokens,
      charged: formatAmount(stage.charged),
      result: stage.result,
      finished_at: time(stage.finishedAt),
    })),
    rejection: job.rejection && {
      reason: job.rejection.reason,
      stage: job.rejection.stage,
      needed: formatAmount(job.rejection.needed),
      available: formatAmount(job.rejection.available),
      missing: formatAmount(job.rejection.missing),
      currency: job.currency,
      detail: rejectionSentence(job.rejection, job.currency),
      expires_at: time(job.rejection.expiresAt),
    },
    failure: job.failure,
    result: job.result,
    created_at: time(job.createdAt),
    finished_at: time(job.finishedAt),
    next: nextOf(job),
  }
}

export function receiptToJson(receipt: Receipt) {
  return {
    job_id: receipt.jobId,
    organization_id: receipt.organizationId,
    state: receipt.state,
    final: receipt.final,
    currency: receipt.currency,
    tariff_id: receipt.tariffId,
    tariff_version: receipt.tariffVersion,
    tokenizer: receipt.tokenizer,
    rounding: 'half_up_per_line',
    held: formatAmount(receipt.held),
    charged: formatAmount(receipt.charged),
    reversed: formatAmount(receipt.reversed),
    released: formatAmount(receipt.released),
    written_off: formatAmount(receipt.writtenOff),
    total: formatAmount(receipt.total),
    lines: receipt.lines.map((line) => ({ stage: line.stage, ...lineToJson(line) })),
    issued_at: time(receipt.issuedAt),
  }
}

function lineToJson(line: SettledLine) {
  return {
    component: line.component,
    kind: line.kind,
    model: line.model,
    llm_model: line.llmModel,
    token_class: line.tokenClass,
    quantity: line.quantity,
    source: line.source,
    included_used: line.includedUsed,
    billed_quantity: line.billedQuantity,
    price: amountOrNull(line.price),
    per: line.per,
    tiers: line.tiers?.map((tier) => ({ up_to: tier.upTo, price: formatAmount(tier.price) })) ?? null,
    counter_before: line.counterBefore,
    counter_after: line.counterAfter,
    billed_before: line.billedBefore,
    amount: formatAmount(line.amount),
    written_off: formatAmount(line.writtenOff),
    ledger_seq: line.ledgerSeq,
  }
}

/** A feature that was charged outside of any job (ADR 24); its one line as a receipt's, which has a stage before it. */
export function featureChargeToJson(charge: FeatureChargeView) {
  return {
    id: charge.id,
    organization_id: charge.organizationId,
    key: charge.key,
    user_id: charge.userId,
    feature: charge.feature,
    quantity: charge.quantity,
    tariff_id: charge.tariffId,
    tariff_version: charge.tariffVersion,
    period_start: time(charge.periodStart),
    currency: charge.currency,
    charged: formatAmount(charge.charged),
    lines: charge.lines.map(lineToJson),
    ledger_seq: charge.ledgerSeq,
    warnings: charge.warnings,
    balance: balanceToJson(charge.balance),
    created_at: time(charge.createdAt),
  }
}

export function balanceToJson(balance: Balance) {
  return {
    organization_id: balance.organizationId,
    currency: balance.currency,
    available: formatAmount(balance.available),
    held: formatAmount(balance.held),
    overdraft_limit: formatAmount(balance.overdraftLimit),
    seats_used: balance.seatsUsed,
    seats_paid: balance.seatsPaid,
    max_team_members: balance.maxTeamMembers,
    parked: balance.parked,
    as_of_seq: balance.asOfSeq,
  }
}

/** A top-up's answer; an adjustment's has its direction, too. */
export function fundingToJson(funding: FundingResult) {
  return {
    id: funding.entryId,
    organization_id: funding.organizationId,
    amount: formatAmount(funding.amount),
    currency: funding.currency,
    ...(funding.direction === null ? {} : { direction: funding.direction }),
    reference: funding.reference,
    note: funding.note,
    seq: funding.seq,
    balance: balanceToJson(funding.balance),
    resumed_jobs: funding.resumedJobs,
    activated_members: funding.activatedMembers,
    created_at: time(funding.createdAt),
    next: funding.resumedJobs[0] === undefined ? 'POST /api/v1/jobs' : `GET /api/v1/jobs/${funding.resumedJobs[0]}`,
  }
}

export function memberToJson(member: MemberView) {
  return {
    organization_id: member.organizationId,
    user_id: member.userId,
    role: member.role,
    state: member.state,
    charged: formatAmount(member.charged),
    needed: amountOrNull(member.needed),
    missing: amountOrNull(member.missing),
    currency: member.currency,
    added_at: time(member.addedAt),
    spending_limit: amountOrNull(member.spendingLimit),
    committed: formatAmount(member.committed),
    next:
      member.state === 'pending_payment'
        ? `POST /api/v1/admin/organizations/${member.organizationId}/top-ups`
        : 'POST /api/v1/jobs',
  }
}

export function ledgerEntryToJson(entry: LedgerEntry) {
  return {
    id: entry.id,
    organization_id: entry.organizationId,
    seq: entry.seq,
    kind: entry.kind,
    debit_account: entry.debitAccount,
    credit_account: entry.creditAccount,
    amount: formatAmount(entry.amount),
    currency: entry.currency,
    available_after: formatAmount(entry.availableAfter),
    held_after: formatAmount(entry.heldAfter),
    job_id: entry.jobId,
    stage: entry.stage,
    component: entry.component,
    token_class: entry.tokenClass,
    reference: entry.reference,
    reverses_seq: entry.reversesSeq,
    created_at: time(entry.createdAt),
  }
}

export function quoteToJson(view: QuoteView) {
  return {
    organization_id: view.organizationId,
    tariff_id: view.tariffId,
    tariff_version: view.tariffVersion,
    currency: view.currency,
    input_tokens: view.inputTokens,
    lower: formatAmount(view.lower),
    upper: formatAmount(view.upper),
    available: formatAmount(view.available),
    affordable: view.affordable,
    stages: view.stages.map(stageBoundsToJson),
    warnings: view.warnings,
  }
}

/** A list's quote (ADR 20). */
export function batchQuoteToJson(view: BatchQuoteView) {
  return {
    organization_id: view.organizationId,
    tariff_id: view.tariffId,
    tariff_version: view.tariffVersion,
    currency: view.currency,
    texts: view.texts,
    fitting: view.fitting,
    fitting_at_most: view.fittingAtMost,
    input_tokens: view.inputTokens,
    lower: formatAmount(view.lower),
    upper: formatAmount(view.upper),
    available: formatAmount(view.available),
    affordable: view.affordable,
    missing: formatAmount(view.missing),
    quotes: view.quotes.map((quote) => ({
      index: quote.index,
      input_tokens: quote.inputTokens,
      lower: formatAmount(quote.lower),
      upper: formatAmount(quote.upper),
      fits: quote.fits,
      reason: quote.reason,
      stages: quote.stages.map(stageBoundsToJson),
    })),
    warnings: view.warnings,
  }
}

function stageBoundsToJson({ stage, lower, upper }: QuoteView['stages'][number]) {
  return { stage, lower: formatAmount(lower), upper: formatAmount(upper) }
}
