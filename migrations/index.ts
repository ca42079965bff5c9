import { Migration20261123000000_initial } from './Migration20261123000000_initial.ts'

/** Every migration, oldest first: an explicit list, so that the published package needs no folder scan. */
export const migrations = [Migration20261123000000_initial]
