import { ACCOUNT_ID } from '../../foundation/ids.ts'
import { ok } from '../answer.ts'
import { listOf } from '../json/answer-fields.ts'
import { auditEntryAnswer, auditEntryToJson } from '../json/audit-json.ts'
import { invalidQuery, parameter } from '../parameters.ts'
import { moment, refuseNoTime } from '../report-query.ts'
import { answer, route } from '../route.ts'

const WORD_LENGTH_MAX = 100

const organization = parameter(
  { type: 'string', pattern: ACCOUNT_ID.source },
  'Only what was done to this organisation, also one that is not there any more',
  (text) => (ACCOUNT_ID.test(text) ? text : refuse('Give organization_id as it stands in an entry')),
)
const word = (name: string, description: string) =>
  parameter({ type: 'string', maxLength: WORD_LENGTH_MAX }, description, (text) =>
    text.length > 0 && text.length <= WORD_LENGTH_MAX && !text.includes('\0')
      ? text
      : refuse(`Give ${name} as it stands in an entry`),
  )
/** /admin/audit-log: who did what. */
export const auditLogRoutes = [
  route(
    {
      method: 'get',
      path: '/admin/audit-log',
      operation: 'listAuditLog',
      tag: 'Audit log',
      summary: 'List who did what, with what was before and after',
      description:
        'Every change, and what was refused to foreign or unknown keys, in one chain of hashes that `GET /admin/verify` follows.',
      scope: 'admin',
      query: {
        organization_id: organization,
        action: word('action', 'Only what was done in this way, such as top-up.create'),
        key_id: word('key_id', 'Only what was done with this key'),
        from: moment('from', 'Only from this time on'),
        to: moment('to', 'Only before this time'),
      },
      list: true,
      problems: ['validation'],
      answers: { 200: answer('Entries, newest first', listOf(auditEntryAnswer)) },
    },
    async ({ query, page, pageOf, read }, { auditLog }) => {
      const { organization_id: organizationId, action, key_id: keyId } = query
      const [from, to] = [query.from?.() ?? null, query.to?.() ?? null]
      refuseNoTime(from, to)
      const filter = { organizationId, action, keyId, from, to }
      const list = `audit log ${JSON.stringify(filter)}`
      const { limit, position } = page(list)
      const before = position && Number(position[0])
      const { entries, more } = await read((em) => auditLog.list(em, { ...filter, limit, before }))
      return ok(pageOf(list, entries.map(auditEntryToJson), more ? entries.at(-1)?.seq : null))
    },
  ),
]

function refuse(detail: string): never {
  throw invalidQuery(detail)
}
