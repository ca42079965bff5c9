import { createRequire } from 'node:module'
import type { Detail, Document, ItemSentence, ItemToken, ItsFunction, ItsHelpers, WinkMethods } from 'wink-nlp'
import { type Passage, passagesOf } from './offline-passages.ts'

export interface Word {
  /** As written. */
  readonly text: string
  /** The dictionary form in lower case: "Bills", "billing" and "billed" may differ, "bill" and "bills" do not. */
  readonly lemma: string
  /** wink's universal part of speech. */
  readonly pos: string
  /** Carries meaning of its own: no mark, number or stop word. */
  readonly content: boolean
}

export interface Entity {
  /** wink's: DATE, TIME, DURATION, MONEY, PERCENT, EMAIL, URL and others. It knows no persons and no places. */
  readonly type: string
  readonly text: string
}

export interface Sentence extends Omit<Passage, 'text'> {
  readonly text: string
  /** Whether it opens its paragraph. */
  readonly opening: boolean
  readonly words: readonly Word[]
  readonly entities: readonly Entity[]
}

/** Every unknown word stays in the library's tables for ever: 100 MB after 8 MB of random words. So they are renewed. */
const READ_CHARS_MAX = 4_000_000

let reader: WinkMethods | undefined
let readChars = 0

/** About 0.1 s. */
function open(): WinkMethods {
  const require = createRequire(import.meta.url)
  const wink: typeof import('wink-nlp').default = require('wink-nlp')
  return wink(require('wink-eng-lite-web-model'), ['sbd', 'pos', 'ner'])
}

function read(text: string): { document: Document; its: ItsHelpers } {
  readChars += text.length
  if (reader === undefined || readChars > READ_CHARS_MAX) {
    reader = open()
    readChars = text.length
  }
  return { document: reader.readDoc(text), its: reader.its }
}

const toWord = (token: ItemToken, its: ItsHelpers): Word => ({
  text: token.out(),
  lemma: String(token.out(its.lemma as ItsFunction<string>)).toLowerCase(),
  pos: String(token.out(its.pos)),
  content: token.out(its.type) === 'word' && token.out(its.stopWordFlag) !== true,
})

/** The text's sentences in its order, with their words and entities. */
export function* sentencesOf(text: string): Generator<Sentence> {
  let paragraph = -1
  for (const passage of passagesOf(text)) {
    const { document, its } = read(passage.text)
    const found: Sentence[] = []
    document.sentences().each((sentence: ItemSentence) => {
      const words: Word[] = []
      sentence.tokens().each((token: ItemToken) => words.push(toWord(token, its)))
      const entities = sentence.entities().out(its.detail) as Detail[]
      const opening = passage.paragraph !== paragraph
      paragraph = passage.paragraph
      found.push({
        ...passage,
        text: sentence.out(),
        opening,
        words,
        entities: entities.map(({ value, type }) => ({ type, text: value })),
      })
    })
    yield* found
  }
}
