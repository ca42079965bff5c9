import { NotFoundError, type TollkeeperError } from '../foundation/errors.ts'
import type { Tariff } from '../pricing/tariff.ts'
import { admit } from './admit.ts'
import { AlertBook, addThreshold, judgeHeadroom, removeThreshold } from './alerts.ts'
import { Book } from './book.ts'
import type { Answered, Asked, Call, CallKind, Outcome, Slip, Verdicts } from './calls.ts'
import { claim, keep, letGo, redeliver } from './claim.ts'
import { extend } from './extend.ts'
import type { Facts, Writes } from './facts.ts'
import { chargeFeature } from './feature.ts'
import { cancel, fail, reverse } from './finish.ts'
import { adjust, topUp } from './funding.ts'
import { renew, turnPages } from './renewal.ts'
import { addMember, changeMember, removeMember } from './seat.ts'
import { complete, settle } from './settle.ts'
import { SlipBook } from './slip.ts'
import { wake } from './wake.ts'

const RULES: { readonly [K in CallKind]: (book: Book, call: Asked<K>, alerts: AlertBook) => Verdicts[K] } = {
  claim,
  keep,
  let_go: letGo,
  admit,
  extend,
  settle,
  complete,
  reverse,
  fail,
  cancel,
  redeliver,
  wake,
  renew,
  top_up: topUp,
  adjust,
  add_member: addMember,
  change_member: changeMember,
  remove_member: removeMember,
  add_threshold: addThreshold,
  remove_threshold: removeThreshold,
  judge_headroom: judgeHeadroom,
  charge_feature: chargeFeature,
}

/**
 * What a batch does to the rows that it locked, call by call, in order. Pure: the same facts and calls give the same
 * verdicts and writes (ids of new entries aside). Each call sees what the earlier ones did.
 */
export function fold(
  facts: Facts,
  tariffs: ReadonlyMap<string, Tariff>,
  calls: readonly Call[],
): { verdicts: (Outcome | TollkeeperError)[]; writes: Writes } {
  const book = new Book(facts, tariffs)
  const alerts = new AlertBook(facts.now)
  const slips = new SlipBook(facts.answers)
  const known = new Set(facts.organizations.map((organization) => organization.id))
  for (const organization of facts.organizations) turnPages(book, organization)
  const verdicts = calls.map((call) =>
    known.has(call.organizationId) ? decide(book, call, alerts, slips) : unknownOrganization(call.organizationId),
  )
  for (const organization of facts.organizations) alerts.judgeAvailable(organization)
  return { verdicts, writes: { ...book.writes(), alerts: alerts.writes(), slips: slips.writes() } }
}

function decide<K extends CallKind>(
  book: Book,
  call: { kind: K; slip?: Slip<K> } & Asked<K>,
  alerts: AlertBook,
  slips: SlipBook,
): Verdicts[K] | Answered | TollkeeperError {
  const { slip } = call
  if (slip === undefined) return RULES[call.kind](book, call, alerts)
  return slips.once(book, call, slip, () => RULES[call.kind](book, call, alerts))
}

/** Says what is missing and the commands that make it, since a first start meets this error most. */
export function unknownOrganization(organizationId: string): NotFoundError {
  return new NotFoundError(
    `There is no organisation "${organizationId}". Create one with POST /api/v1/admin/organizations ` +
      `{"id":"${organizationId}","tariff_id":"<a published tariff>"}, then give it money: ` +
      `tollkeeper top-up ${organizationId} 10.00`,
  )
}
