/** HTML's names that prose in Markdown holds; `Map<string>` and "a <b" are none. */
const TAG_NAMES =
  'a|b|i|u|s|p|br|hr|div|span|img|h[1-6]|ul|ol|li|dl|dt|dd|table|thead|tbody|tr|td|th|em|strong|code|pre|kbd|sup|sub|small|' +
  'details|summary|picture|source|blockquote|center|font|script|style|html|head|body|title|meta|link|section|article|nav|' +
  'main|header|footer|aside|figure|figcaption|input|button|form|label|video|audio|iframe|svg|path'

/** Each is bounded and stops at its own beginning, so that no text makes it look at a place again and again. */
const IMAGE = /!\[[^[\]]{0,300}\](?:\([^()\s]{0,2000}(?:\s"[^"\n]{0,200}")?\)|\[[^[\]]{0,300}\])/g
const IMAGE_TAG = /<(?:img|source)\s[^<>]{0,2000}>/gi
const MARKUP: readonly (readonly [pattern: RegExp, plain: string])[] = [
  [/<!--[^<>]{0,2000}-->/g, ' '],
  [IMAGE, ''],
  [new RegExp(`</?(?:${TAG_NAMES})(?:\\s[^<>]{0,2000})?/?>`, 'gi'), ' '],
  [/\[([^[\]]{0,300})\](?:\([^()\s]{0,2000}(?:\s"[^"\n]{0,200}")?\)|\[[^[\]]{0,300}\])/g, '$1'], // a link
  [/&nbsp;|&#160;/g, ' '],
  [/\*\*|`/g, ''],
  [/(?<![\p{L}\p{N}_*])([_*])(?=\S)([^_*\n]{1,200})(?<=\S)\1(?![\p{L}\p{N}_*])/gu, '$2'], // stressed words
]

/** What a reader of Markdown or simple HTML sees of a line or some; any other text stays as it is. Linear. */
export function withoutMarkup(text: string): string {
  return MARKUP.reduce((plain, [pattern, instead]) => plain.replace(pattern, instead), text).trim()
}

/** Where `[name]` and `![name]` point to: `[name]: https://…`, which nobody reads as a sentence. */
export const isLinkTarget = (line: string): boolean => /^\[[^[\]]{1,300}\]:\s/.test(line)

/**
 * Addresses of the web that a reader may go to, as the text writes them, without what closes a sentence or a bracket behind
 * them, and without those of images. Linear.
 */
export function linksIn(text: string): string[] {
  const found = text
    .replace(IMAGE, ' ')
    .replace(IMAGE_TAG, ' ')
    .matchAll(/\b(?:https?:\/\/|www\.)[^\s<>"'`()[\]{}|\\^\u3000-\u303f\uff00-\uffef]+/giu)
  return Array.from(found, ([link]) => link.replace(/[.,;:!?*_~…”’]+$/, '')).filter((link) => /[/.]\w/.test(link))
}
