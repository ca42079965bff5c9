import { memberToJson } from '../../managers/contract-json.ts'
import type { AddedMember } from '../../managers/team-billing.manager.ts'
import { type Answer, accepted, created, given, noContent, ok, tagged } from '../answer.ts'
import { listOf } from '../json/answer-fields.ts'
import { memberAnswer } from '../json/organization-answer.ts'
import { memberPatch, newMember } from '../json/organization-json.ts'
import { accountPart } from '../parameters.ts'
import { answer, route } from '../route.ts'

const TAG = 'Members'
const PATH = '/admin/organizations/{id}/members'
const params = { id: accountPart('The organisation') }
const ofMember = { ...params, userId: accountPart('The member') }

const editable = ({ role, state, spending_limit }: ReturnType<typeof memberToJson>): object => {
  return { role, state, spending_limit }
}

/** /admin/organizations/{id}/members: who works for an organisation, and the seats that it pays for. */
export const memberRoutes = [
  route(
    {
      method: 'post',
      path: PATH,
      operation: 'addMember',
      tag: TAG,
      summary: 'Add a member, and charge a seat for the rest of the period where none is free',
      scope: 'admin',
      params,
      body: newMember,
      idempotent: true,
      dryRun: true,
      answers: {
        200: answer('The member, who was one already', memberAnswer),
        201: answer('The active member', memberAnswer),
        202: answer('The member, whose seat waits for money', memberAnswer),
      },
      problems: ['seat-limit', 'no-tariff'],
    },
    async ({ params: { id }, body: { userId, role, spendingLimit }, order }, { teams }) =>
      given(await teams.addMember(id, userId, role, spendingLimit, order(addedAnswer))),
  ),

  route(
    {
      method: 'get',
      path: PATH,
      operation: 'listMembers',
      tag: TAG,
      summary: 'List members, newest first',
      scope: 'operator',
      params,
      list: true,
      answers: { 200: answer('Members; removed ones are not listed', listOf(memberAnswer)) },
    },
    async ({ params: { id }, page, pageOf, read }, { teams }) => {
      const list = `members ${id}`
      const { limit, position } = page(list)
      const before = position && { addedAt: new Date(position[0] ?? 0), userId: String(position[1]) }
      const { members, more } = await read((em) => teams.members(em, id, { limit, before }))
      const last = more ? members.at(-1) : undefined
      return ok(pageOf(list, members.map(memberToJson), last?.addedAt.getTime(), last?.userId))
    },
  ),

  route(
    {
      method: 'get',
      path: `${PATH}/{userId}`,
      operation: 'getMember',
      tag: TAG,
      summary: 'Show a member',
      scope: 'operator',
      params: ofMember,
      tagged: true,
      answers: { 200: answer('The member', memberAnswer) },
    },
    async ({ params: { id, userId }, read }, { teams }) => {
      const json = memberToJson(await read((em) => teams.member(em, id, userId)))
      return tagged(ok(json), editable(json))
    },
  ),

  route(
    {
      method: 'patch',
      path: `${PATH}/{userId}`,
      operation: 'changeMember',
      tag: TAG,
      summary: 'Give a member another role or spending limit',
      scope: 'admin',
      params: ofMember,
      body: memberPatch,
      idempotent: true,
      dryRun: true,
      tagged: true,
      answers: { 200: answer('The member', memberAnswer) },
      problems: ['last-owner'],
    },
    async ({ params: { id, userId }, body, order, condition, read }, { teams }) => {
      const present = condition && (await read((em) => teams.member(em, id, userId)))
      // What was seen is compared once more behind the organisation's lock; a used key is answered before that.
      const seen = condition && present && { seen: condition(editable(memberToJson(present))) ? present : null }
      const answered = await teams.changeMember(
        id,
        userId,
        { ...body, ...seen },
        order((member) => ok(memberToJson(member))),
      )
      return tagged(given(answered), editable(JSON.parse(answered.answer.body)))
    },
  ),

  route(
    {
      method: 'delete',
      path: `${PATH}/{userId}`,
      operation: 'removeMember',
      tag: TAG,
      summary: 'Remove a member; the paid seat stays free for another until the period ends',
      scope: 'admin',
      params: ofMember,
      idempotent: true,
      dryRun: true,
      answers: { 204: answer('The member is removed', null) },
      problems: ['last-owner'],
    },
    async ({ params: { id, userId }, order }, { teams }) =>
      given(await teams.removeMember(id, userId, order(noContent))),
  ),
]

function addedAnswer({ created: isNew, member }: AddedMember): Answer {
  const json = memberToJson(member)
  if (!isNew) return ok(json)
  const location = `/api/v1/admin/organizations/${member.organizationId}/members/${member.userId}`
  return member.state === 'active' ? created(location, json) : accepted(location, json)
}
