import type pg from 'pg'
import type { Logger } from '../foundation/logger.ts'
import type { KeyRole } from '../models/api-key.model.ts'
import { translateDatabaseError } from './errors.ts'
import { GatheredRead } from './gathered-read.ts'
import { plain } from './money/array-literal.ts'
import type { GivenTime } from './money/database-clock.ts'
import { ask, type Cells, statement } from './money/statements.ts'
import { withRetry } from './retry.ts'

/** A key that lives. */
export interface LivingKey {
  readonly id: string
  readonly role: KeyRole
  readonly organizationId: string | null
  readonly userId: string | null
  /** SHA-256 of its secret. */
  readonly hash: Buffer
}

const FIND = statement('find-api-keys')
const MARK = statement('mark-api-keys')

/** Keys whose use waits to be written down while the database does not answer; of more it is written with a later use. */
const USES_MAX = 10_000

/**
 * Looks keys up for requests that wait: prepared, those of one moment together, and no unit of work. That a key is used is
 * written down behind the request's back, once a minute.
 */
export class ApiKeyReader {
  readonly #pool: pg.Pool
  readonly #time: GivenTime
  readonly #logger: Logger
  readonly #reads: GatheredRead<Buffer, LivingKey | null>
  #used = new Set<string>()
  #marking: Promise<void> | undefined

  constructor(pool: pg.Pool, time: GivenTime, logger: Logger) {
    this.#pool = pool
    this.#time = time
    this.#logger = logger
    this.#reads = new GatheredRead((hashes) => this.#read(hashes))
  }

  /** @returns null where no key that lives has this hash @throws UnavailableError */
  async read(hash: Buffer): Promise<LivingKey | null> {
    try {
      return await this.#reads.of(hash)
    } catch (error) {
      throw translateDatabaseError(error)
    }
  }

  /** Resolves when every use that was seen is written down, or given up. */
  async drain(): Promise<void> {
    await this.#marking
  }

  async #read(hashes: readonly Buffer[]): Promise<readonly (LivingKey | null)[]> {
    const wanted = plain(hashes, (hash) => hash.toString('hex'))
    const rows = await withRetry(() => ask(this.#pool, FIND, [wanted, this.#time()]))
    for (const [id, , , , , isUseOld] of rows) if (id != null && isUseOld === 't') this.#note(id)
    return rows.map(keyFrom)
  }

  #note(id: string): void {
    if (this.#used.size < USES_MAX) this.#used.add(id)
    this.#marking ??= this.#mark()
  }

  async #mark(): Promise<void> {
    while (this.#used.size > 0) {
      const ids = [...this.#used]
      this.#used = new Set()
      try {
        await ask(this.#pool, MARK, [plain(ids, (id) => id), this.#time()])
      } catch (error) {
        this.#logger.debug({ reason: String(error) }, 'the use of keys is not written down; their next use is')
      }
    }
    this.#marking = undefined
  }
}

function keyFrom([id, role, organizationId = null, userId = null, hash]: Cells): LivingKey | null {
  if (id == null || role == null || hash == null) return null
  return { id, role: role as KeyRole, organizationId, userId, hash: Buffer.from(hash, 'hex') }
}
