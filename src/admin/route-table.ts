import type { Route } from './route.ts'
import { componentRoutes } from './routes/components.route.ts'
import { jobRoutes } from './routes/jobs.route.ts'
import { memberRoutes } from './routes/members.route.ts'
import { moneyRoutes } from './routes/money.route.ts'
import { organizationRoutes } from './routes/organizations.route.ts'
import { planMoveRoutes } from './routes/plan-moves.route.ts'
import { tariffRoutes } from './routes/tariffs.route.ts'

/** Every route below /api/v1, in the order of the documents: what is not here is neither served nor documented. */
export const ROUTES: readonly Route[] = [
  ...tariffRoutes,
  ...componentRoutes,
  ...planMoveRoutes,
  ...organizationRoutes,
  ...memberRoutes,
  ...moneyRoutes,
  ...jobRoutes,
]
