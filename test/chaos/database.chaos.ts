import { registerCases } from './chaos-case.ts'
import { DATABASE_CASES } from './database-cases.ts'

registerCases('connections, the database and zombies', DATABASE_CASES)
