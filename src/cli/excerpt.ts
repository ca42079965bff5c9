/** With the demo's indent this stays within a terminal of 80 characters. */
const WIDTH = 72

/** The first lines of a text, wrapped between words, with a mark where more follows. */
export function excerpt(text: string, linesMax: number): readonly string[] {
  const lines = text.split('\n').flatMap((paragraph) => (paragraph.trim() === '' ? [] : wrapped(paragraph.trim())))
  return lines.length > linesMax ? [...lines.slice(0, linesMax), '…'] : lines
}

function wrapped(paragraph: string): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of paragraph.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > WIDTH) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}
