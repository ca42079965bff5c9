/**
 * Okapi BM25 with the parameters that most engines take by default (Robertson and Zaragoza 2009, "The Probabilistic
 * Relevance Framework: BM25 and Beyond"): how soon a repeated term counts less, and how much a long document does.
 */
const K1 = 1.2
const B = 0.75

export interface Match {
  /** Of the document. */
  readonly index: number
  /** BM25. */
  readonly score: number
  /** How much of the query it holds: the idf of the terms that it has over that of all terms, 0 to 1. */
  readonly share: number
}

/** A term of few documents says much. The 1 keeps it above 0 where most have it (as Lucene does). */
const idf = (documents: number, having: number): number => Math.log(1 + (documents - having + 0.5) / (having + 0.5))

/**
 * The documents that hold any of the query's terms, best first, ties in their order. n log n at most.
 * @param documents each as its terms, in any order
 */
export function rank(query: readonly string[], documents: readonly (readonly string[])[]): Match[] {
  const places = new Map<string, Map<number, number>>(query.map((term) => [term, new Map()]))
  let lengths = 0
  for (const [index, terms] of documents.entries()) {
    lengths += terms.length
    for (const term of terms) {
      const counts = places.get(term)
      counts?.set(index, (counts.get(index) ?? 0) + 1)
    }
  }
  const scores = new Map<number, number>()
  const held = new Map<number, number>()
  let whole = 0
  for (const counts of places.values()) {
    const weight = idf(documents.length, counts.size)
    whole += weight
    for (const [index, count] of counts) {
      const length = ((documents[index]?.length ?? 0) * documents.length) / lengths
      const gain = (count * (K1 + 1)) / (count + K1 * (1 - B + B * length))
      scores.set(index, (scores.get(index) ?? 0) + weight * gain)
      held.set(index, (held.get(index) ?? 0) + weight)
    }
  }
  return [...scores]
    .map(([index, score]) => ({ index, score, share: (held.get(index) ?? 0) / whole }))
    .sort((a, b) => b.score - a.score || a.index - b.index)
}
