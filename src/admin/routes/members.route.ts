import { Router } from 'express'
import { memberToJson } from '../../managers/contract-json.ts'
import type { AdminDependencies } from '../dependencies.ts'
import { memberPatch, newMember } from '../json/organization-json.ts'
import { bodyOf, refuseBody } from '../parse.ts'
import { accountParameter, cursorOf, LIST, limitOf, takes, toCursor } from '../query.ts'

/** /admin/organizations/:id/members: who works for an organisation, and the seats that it pays for. */
export function memberRoutes({ inTransaction, teams }: AdminDependencies): Router {
  const router = Router({ mergeParams: true })

  router.post('/', takes(), async (req, res) => {
    const [id, { userId, role, spendingLimit }] = [accountParameter(req, 'id'), bodyOf(req, newMember)]
    const { created, member } = await teams.addMember(id, userId, role, spendingLimit)
    const status = member.state === 'active' ? 201 : 202
    res.status(created ? status : 200)
    if (created) res.location(`/api/v1/admin/organizations/${id}/members`)
    res.json(memberToJson(member))
  })

  router.get('/', takes(...LIST), async (req, res) => {
    const id = accountParameter(req, 'id')
    const list = `members ${id}`
    const [limit, cursor] = [limitOf(req), cursorOf(req, list)]
    const before = cursor && { addedAt: new Date(cursor[0] ?? 0), userId: String(cursor[1]) }
    const { members, more } = await inTransaction((em) => teams.members(em, id, { limit, before }))
    const last = more ? members.at(-1) : undefined
    res.json({ data: members.map(memberToJson), next_cursor: toCursor(list, last?.addedAt.getTime(), last?.userId) })
  })

  router.get('/:userId', takes(), async (req, res) => {
    const [id, userId] = [accountParameter(req, 'id'), accountParameter(req, 'userId')]
    res.json(memberToJson(await inTransaction((em) => teams.member(em, id, userId))))
  })

  router.patch('/:userId', takes(), async (req, res) => {
    const [id, userId] = [accountParameter(req, 'id'), accountParameter(req, 'userId')]
    res.json(memberToJson(await teams.changeMember(id, userId, bodyOf(req, memberPatch))))
  })

  router.delete('/:userId', takes(), async (req, res) => {
    const [id, userId] = [accountParameter(req, 'id'), accountParameter(req, 'userId')]
    refuseBody(req)
    await teams.removeMember(id, userId)
    res.status(204).end()
  })

  return router
}
