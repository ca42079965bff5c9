import { Findings, type Violation } from './audit-findings.ts'

/** The audit log: numbered without a gap, each entry chained to the one before, its end known to the head. */
export const CHAINED = 9

/** A place in the chain: behind this entry, whose hash this is, in hex. */
export interface ChainPlace {
  readonly seq: number
  readonly hash: string
}

/** Before the first entry. */
export const BEGINNING: ChainPlace = { seq: 0, hash: '0'.repeat(64) }

/** A row of the audit log as it is stored; hashes in hex, `at` in epoch milliseconds. */
export interface AuditRow extends ChainPlace {
  readonly entry: string
  readonly prevHash: string
  readonly at: number
  readonly action: string
  readonly organizationId: string | null
  readonly keyId: string | null
}

/** The hash of a text in UTF-8, SHA-256 in hex. */
type Sha256 = (text: string) => string

/**
 * What is hashed of an entry: three lines, of which the first two have no line break within them, so that no other hash,
 * number and entry make the same text. With a shell: `printf '%s\n%s\n%s' "$prev_hash" "$seq" "$entry" | sha256sum`.
 */
export function hashedText(prevHash: string, seq: number, entry: string): string {
  return `${prevHash}\n${seq}\n${entry}`
}

/** Follows the audit log from a place on, row by row in the order of `seq`, in bounded memory, and names what was changed. */
export class AuditChain {
  readonly #sha256: Sha256
  readonly #findings = new Findings(null)
  #last: ChainPlace
  #entries = 0

  constructor(sha256: Sha256, from: ChainPlace) {
    this.#sha256 = sha256
    this.#last = from
  }

  /** Where the next row has to follow. */
  get place(): ChainPlace {
    return this.#last
  }

  get entries(): number {
    return this.#entries
  }

  get violations(): readonly Violation[] {
    return this.#findings.violations()
  }

  /** @param hash what the entry of the place from where this goes on has now; null where there is none */
  resumed(hash: string | null): void {
    if (hash === this.#last.hash) return
    const { seq } = this.#last
    this.#add(
      hash === null
        ? `audit entry ${seq} is gone, which was there when it was verified last`
        : `audit entry ${seq} has another hash than when it was verified last: what stands up to it was written anew`,
    )
    this.#last = { seq, hash: hash ?? this.#last.hash }
  }

  /** Takes each row by what it says itself, so that one damage is named once and not with all that follows. */
  row(row: AuditRow): void {
    this.#entries += 1
    const { seq, hash, prevHash, entry } = row
    const expected = this.#last.seq + 1
    if (seq > expected) this.#add(`${entriesFromTo(expected, seq - 1)} missing`)
    else if (seq < expected) this.#add(`audit entry ${seq} stands there twice`)
    else if (prevHash !== this.#last.hash) {
      this.#add(`audit entry ${seq} does not follow the one before: its prev_hash is another's`)
    }
    if (this.#sha256(hashedText(prevHash, seq, entry)) !== hash) {
      this.#add(`audit entry ${seq} is not what was hashed: its number, its text or a hash was changed`)
    }
    for (const column of strayColumns(row)) this.#add(`audit entry ${seq}: its column ${column} is not what it says`)
    this.#last = { seq, hash }
  }

  /** @param head what the database says of the end; null where its row is gone */
  end(head: ChainPlace | null): void {
    const { seq, hash } = this.#last
    if (!head) this.#add('the head of the audit log is gone, so that a cut tail would not be missed')
    else if (head.seq > seq)
      this.#add(`${entriesFromTo(seq + 1, head.seq)} missing at the end: the head has numbered up to there`)
    else if (head.seq < seq) this.#add(`the audit log goes on to entry ${seq}, its head ends at ${head.seq}`)
    else if (head.hash !== hash) this.#add(`the head of the audit log has another hash than its last entry, ${seq}`)
  }

  #add(detail: string): void {
    this.#findings.add(CHAINED, detail)
  }
}

function entriesFromTo(first: number, last: number): string {
  return first === last ? `audit entry ${first} is` : `audit entries ${first} to ${last} are`
}

/** The columns by which entries are found, where they differ from what the entry says. */
function strayColumns({ entry, at, action, organizationId, keyId }: AuditRow): readonly string[] {
  const said = readable(entry)
  const columns = [
    ['at', at, typeof said.at === 'string' ? Date.parse(said.at) : null],
    ['action', action, said.action],
    ['organization_id', organizationId, said.organization_id],
    ['key_id', keyId, said.key_id],
  ] as const
  return columns.flatMap(([name, stored, meant]) => (stored === meant ? [] : [name]))
}

/** What was changed by hand need not be JSON any more. */
function readable(entry: string): Readonly<Record<string, unknown>> {
  try {
    const said: unknown = JSON.parse(entry)
    return typeof said === 'object' && said !== null ? (said as Readonly<Record<string, unknown>>) : {}
  } catch {
    return {}
  }
}
