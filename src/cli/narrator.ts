import { styleText } from 'node:util'
import { intro, log, outro, S_BAR } from '@clack/prompts'
import { createProgress, type Progress } from './progress.ts'

/** Tells a longer command's story: what was done, its details below it, and what is going on. */
export interface Narrator {
  begin(title: string): void
  /** Something that is done, in a sentence. */
  step(text: string): void
  details(lines: readonly string[]): void
  progress(): Progress
  end(text: string): void
}

/** With a guide along the left on a terminal, as plain lines otherwise, and silent for --json. */
export function createNarrator(json: boolean): Narrator {
  if (json) {
    const nothing = (): void => undefined
    return { begin: nothing, step: nothing, details: nothing, progress: () => createProgress(false), end: nothing }
  }
  return process.stdout.isTTY ? onTerminal() : inLines()
}

function onTerminal(): Narrator {
  const bar = styleText('gray', S_BAR)
  return {
    begin: (title) => intro(styleText('inverse', ` ${title} `)),
    step: (text) => log.step(styleText('bold', text)),
    details: (lines) => log.message([...lines], { symbol: bar, secondarySymbol: bar, spacing: 0 }),
    progress: () => createProgress(true, `${bar}  `),
    end: (text) => outro(text),
  }
}

function inLines(): Narrator {
  const write = (text: string): void => void process.stdout.write(`${text}\n`)
  return {
    begin: write,
    step: (text) => write(`\n${text}`),
    details(lines) {
      for (const line of lines) write(line === '' ? '' : `  ${line}`)
    },
    progress: () => createProgress(true, '  '),
    end: (text) => write(`\n${text}`),
  }
}
