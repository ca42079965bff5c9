/** A text without a pattern, the same each time: lower case letters and digits. */
function noise(length: number): string {
  let text = ''
  for (let at = 1; text.length < length; at++) text += ((at * 2_654_435_761) % 4_294_967_296).toString(36)
  return text.slice(0, length)
}

/** An end inside a character is mended. */
const times = (unit: string) => (length: number) =>
  unit
    .repeat(Math.ceil(length / unit.length))
    .slice(0, length)
    .toWellFormed()

const base64 = (length: number): string => Buffer.from(noise(length)).toString('base64').slice(0, length)

/**
 * Texts that break tools, by what they are: each is made in the length that is asked for, in UTF-16 units.
 */
export const HOSTILE_TEXTS: readonly (readonly [name: string, length: number, make: (length: number) => string])[] = [
  ['one letter', 200_000, times('a')],
  ['spaces', 1 << 20, times(' ')],
  ['Chinese characters', 50_000, times('中文字符测试长文龘靐')],
  ['Chinese sentences', 100_000, times('今天天气很好。我们去公园吗？')],
  ['base64 in one line', 1 << 20, base64],
  ['base64 in lines', 1 << 17, (length) => base64(length).replaceAll(/.{75}./g, (line) => `${line.slice(1)}\n`)],
  ['unknown words', 1 << 17, (length) => noise(length).replaceAll(/.{6}./g, (word) => `${word.slice(1)} `)],
  ['emoji with joiners', 100_000, times('👩‍👩‍👧‍👦🏳️‍🌈')],
  ['Arabic and Hebrew', 100_000, times('مرحبا بالعالم، كيف حالك؟ שלום עולם. ')],
  ['marks of direction', 100_000, times('\u202e\u2066abc\u2069\u202c def. ')],
  ['one letter under 100,000 marks', 100_000, (length) => `e${'\u0301'.repeat(length - 1)}`],
  ['letters under marks', 100_000, times(`e${'\u0301'.repeat(99)}`)],
  ['special tokens', 100_000, times('<|endoftext|>')],
  ['one line of prose', 1 << 20, times('The pump of the north field is older than the pump of the south field. ')],
  ['newlines', 300_000, times('\n')],
  ['lone carriage returns', 100_000, times('A line ends here\rand ')],
  ['next lines (U+0085)', 100_000, times('A line ends here\u0085and ')],
  ['byte order marks', 100_000, times('\ufeff')],
  ['tags', 100_000, times('<div class="a"><b>x</b>')],
  ['tags without an end', 100_000, times('<a href="')],
  ['brackets of links', 100_000, times('[![a](b')],
  ['stress without an end', 100_000, times('*a _b ')],
  ['punctuation', 100_000, times('"\'.,;:!)(-')],
  ['full stops', 100_000, times('.')],
  ['question marks', 100_000, times('?')],
  ['questions on lines of their own', 100_000, times('Who pays for it?\n')],
  ['questions in one line', 100_000, times('Who pays for it? ')],
  ['a label a thousand times', 100_000, times('Question: ')],
  ['short sentences', 100_000, times('a. ')],
  ['dots inside words', 100_000, times('a.')],
  ['links', 100_000, times('https://a.example/b?c=d ')],
  ['a link without an end', 100_000, (length) => `https://${'a'.repeat(length - 8)}`],
  ['names of the prototype', 60_000, times('__proto__ constructor toString. hasOwnProperty valueOf! ')],
]
