export interface Word {
  /** As written. */
  readonly text: string
  /** The dictionary form in lower case: "Bills", "billing" and "billed" may differ, "bill" and "bills" do not. */
  readonly lemma: string
  /** wink's universal part of speech; X for a word in a script that it does not know. */
  readonly pos: string
  /** Carries meaning of its own: no mark, number or stop word. */
  readonly content: boolean
}

/**
 * Words by Unicode's rules, and by dictionaries where a script leaves no spaces (UAX 29). The locale is fixed, so that
 * the same text gives the same words on every machine with this runtime.
 */
const segmenter = new Intl.Segmenter('en', { granularity: 'word' })

/** Scripts whose words are short. */
const DENSE = /^[\p{sc=Han}\p{sc=Katakana}\p{sc=Hangul}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]+/u
const DENSE_CHARS_MIN = 2
/** Below this most words of an alphabet only join others. */
const WORD_CHARS_MIN = 4
/** Chinese and Russian words that join others, point or ask, and are longer than that. */
const JOINING = new Set(
  `我们 你们 他们 她们 它们 自己 这个 那个 这些 那些 这里 那里 这样 那样 一个 一些 一种 因为 所以 如果 但是 而且 以及 可以 没有 不是 已经 或者
  由于 虽然 然后 还是 就是 什么 怎么 怎样 哪里 哪些 哪个 多少 为什么 如何 可能 需要 不能 必须 应该 使用 进行 其中 之间 之后 之前 сколько когда
  почему какой какая какое какие который которая которое которые чтобы этого этот если также только может было были`.split(
    /\s+/,
  ),
)

function carriesMeaning(word: string): boolean {
  if (JOINING.has(word.toLowerCase())) return false
  if (DENSE.test(word)) return word.length >= DENSE_CHARS_MIN
  return word.length >= WORD_CHARS_MIN && /^[\p{L}\p{M}]+$/u.test(word)
}

/**
 * The words of a run in a script that the language library does not know; it takes such a run for one word.
 * @param run of a bounded length
 * @returns no words if it has no letter
 */
export function foreignWords(run: string): readonly Word[] {
  if (!/\p{L}/u.test(run)) return []
  return Array.from(segmenter.segment(run), ({ segment, isWordLike = false }) => {
    const lower = segment.toLowerCase()
    return {
      text: segment,
      lemma: lower,
      pos: isWordLike ? 'X' : 'PUNCT',
      content: carriesMeaning(segment),
    }
  })
}
