/** An invariant that does not hold; `detail` names the row. */
export interface Violation {
  /**
   * 1 balances are the fold of the ledger; 2 holds; 3 charges, their lines and prices; 4 no gap in `seq`; 5 seats; 6 the
   * ledger is never changed; 7 reversals, counters and what is counted against members; 9 the audit log is one chain and is
   * never changed; and of a warning 8: what stands still.
   */
  readonly invariant: number
  /** null: of the whole database. */
  readonly organizationId: string | null
  readonly detail: string
}

/** What is listed of one invariant: a broken ledger of millions of rows must not become a report of millions. */
const LISTED_MAX = 20

/** Collects what an audit finds of one organisation, or (null) of the whole database, in bounded memory. */
export class Findings {
  readonly #organizationId: string | null
  readonly #listed: Violation[] = []
  readonly #counts = new Map<number, number>()

  constructor(organizationId: string | null) {
    this.#organizationId = organizationId
  }

  add(invariant: number, detail: string): void {
    const count = (this.#counts.get(invariant) ?? 0) + 1
    this.#counts.set(invariant, count)
    if (count <= LISTED_MAX) this.#listed.push({ invariant, organizationId: this.#organizationId, detail })
  }

  /** The first ones of each invariant, and how many more there are. */
  violations(): readonly Violation[] {
    const more = [...this.#counts].flatMap(([invariant, count]) => {
      const detail = `and ${count - LISTED_MAX} more of invariant ${invariant}`
      return count > LISTED_MAX ? [{ invariant, organizationId: this.#organizationId, detail }] : []
    })
    return [...this.#listed, ...more]
  }
}
