const NANO_PER_WHOLE = 1_000_000_000n
/** Currencies and reasons are a handful; whatever would make more series than this is added up under one name. */
const NAMES_MAX = 50
const BEYOND = 'other'

interface Terms {
  readonly label: string
  readonly help: string
  /** Also as whole units and the rest, each of which a double holds exactly. */
  readonly split?: boolean
}

/**
 * Growing sums of nano-units, kept as bigint and written with all their digits. Prometheus stores doubles, which are exact
 * up to 2^53 nano-units (some nine million of a currency) and off by one part in 2^53 beyond; whole units and rest, which
 * belong together, are exact up to 2^53 whole units.
 */
export class ExactTotals {
  readonly #name: string
  readonly #terms: Terms
  readonly #sums = new Map<string, bigint>()

  /** @param name without its unit and suffix */
  constructor(name: string, terms: Terms) {
    this.#name = name
    this.#terms = terms
  }

  add(of: string, amount: bigint): void {
    const name = this.#sums.has(of) || this.#sums.size < NAMES_MAX ? of : BEYOND
    this.#sums.set(name, (this.#sums.get(name) ?? 0n) + amount)
  }

  /** In the text format of Prometheus. */
  text(): string {
    const { help, split } = this.#terms
    const whole = `${help}, whole units of the currency; belongs to the rest`
    const rest = `${help}, nano-units beyond the whole ones`
    return [
      ...this.#lines('nano_total', 'counter', `${help}, nano-units`, (sum) => sum),
      ...(split ? this.#lines('whole_total', 'counter', whole, (sum) => sum / NANO_PER_WHOLE) : []),
      ...(split ? this.#lines('rest_nano', 'gauge', rest, (sum) => sum % NANO_PER_WHOLE) : []),
    ].join('\n')
  }

  #lines(suffix: string, type: string, help: string, part: (sum: bigint) => bigint): readonly string[] {
    const name = `${this.#name}_${suffix}`
    const values = [...this.#sums].map(([of, sum]) => `${name}{${this.#terms.label}="${of}"} ${part(sum)}`)
    return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...values]
  }
}
