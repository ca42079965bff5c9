/**
 * A JSON number as it was written, since 0.1000000000000000055 and 1e309 cannot be told from their neighbours once they
 * are parsed. A symbol, because JSON has none: no schema takes it for a string, an object or a number by mistake.
 */
export function numberToken(source: string): symbol {
  return Symbol(source)
}

/** How a number was written; undefined for what is no number. */
export function sourceOf(token: unknown): string | undefined {
  return typeof token === 'symbol' ? token.description : undefined
}
