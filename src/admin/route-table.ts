import type { Route } from './route.ts'
import { accountRoutes } from './routes/account.route.ts'
import { alertRoutes } from './routes/alerts.route.ts'
import { adminKeyRoutes, organizationKeyRoutes } from './routes/api-keys.route.ts'
import { auditLogRoutes } from './routes/audit-log.route.ts'
import { componentRoutes } from './routes/components.route.ts'
import { featureChargeRoutes } from './routes/feature-charges.route.ts'
import { jobRoutes } from './routes/jobs.route.ts'
import { ledgerRoutes } from './routes/ledger.route.ts'
import { memberRoutes } from './routes/members.route.ts'
import { moneyRoutes } from './routes/money.route.ts'
import { organizationRoutes } from './routes/organizations.route.ts'
import { planMoveRoutes } from './routes/plan-moves.route.ts'
import { statementRoutes } from './routes/statements.route.ts'
import { tariffRoutes } from './routes/tariffs.route.ts'
import { usageRoutes } from './routes/usage.route.ts'
import { verifyRoutes } from './routes/verify.route.ts'

/** Every route below /api/v1, in the order of the documents: what is not here is neither served nor documented. */
export const ROUTES: readonly Route[] = [
  // Express tries them in turn: what is asked for most comes first.
  ...jobRoutes,
  ...accountRoutes,
  ...tariffRoutes,
  ...componentRoutes,
  ...planMoveRoutes,
  ...organizationRoutes,
  ...memberRoutes,
  ...moneyRoutes,
  ...organizationKeyRoutes,
  ...adminKeyRoutes,
  ...featureChargeRoutes,
  ...ledgerRoutes,
  ...usageRoutes,
  ...statementRoutes,
  ...alertRoutes,
  ...verifyRoutes,
  ...auditLogRoutes,
]
