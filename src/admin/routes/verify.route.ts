import { verifyToJson } from '../../managers/verify-report.ts'
import { ok } from '../answer.ts'
import { verifyAnswer } from '../json/report-answer.ts'
import { organizationId } from '../parameters.ts'
import { answer, route } from '../route.ts'

/** /admin/verify: whether the books balance; 200 in either case. It only reports: freezing is the scheduled check's. */
export const verifyRoutes = [
  route(
    {
      method: 'get',
      path: '/admin/verify',
      operation: 'verify',
      tag: 'Operations',
      summary: 'Check that the books balance, from the rows themselves',
      scope: 'operator',
      long: true,
      query: { organization_id: organizationId.meta({ description: 'Only of this organisation' }) },
      answers: { 200: answer('What was found, whether it is good or bad', verifyAnswer) },
      problems: ['not-found'],
    },
    async ({ query }, { verifier }) => {
      return ok(verifyToJson(await verifier.verify({ organizationId: query.organization_id ?? undefined })))
    },
  ),
]
