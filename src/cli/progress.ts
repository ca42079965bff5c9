import { styleText } from 'node:util'

/** What is going on. Lines stay; the bar below them lives on a terminal only, and leaves nothing behind. */
export interface Progress {
  line(text: string): void
  at(done: number, total: number, what: string): void
  end(): void
}

const SILENT: Progress = { line: () => undefined, at: () => undefined, end: () => undefined }

const BAR_WIDTH = 24
const FRAMES = ['◒', '◐', '◓', '◑']
const FRAME_MS = 80
const CLEAR_LINE = '\r\u001b[2K'
const HIDE_CURSOR = '\u001b[?25l'
const SHOW_CURSOR = '\u001b[?25h'

/**
 * The bar is our own: the spinner of the prompt library takes the keyboard over, where Ctrl-C and Escape then end the
 * process at once, with code 0 and the embedded PostgreSQL still running.
 * @param shown false: everything is swallowed, for --json
 * @param indent stands before every line
 */
export function createProgress(shown: boolean, indent = ''): Progress {
  if (!shown) return SILENT
  const { stdout } = process
  if (!stdout.isTTY) return { ...SILENT, line: (text) => void stdout.write(`${indent}${text}\n`) }
  let frame = 0
  let bar = ''
  let timer: NodeJS.Timeout | undefined
  const showCursor = (): void => void stdout.write(SHOW_CURSOR)
  const draw = (): void => {
    const sign = styleText('magenta', FRAMES[frame % FRAMES.length] ?? '')
    stdout.write(`${CLEAR_LINE}${sign}  ${bar}`)
  }
  return {
    line(text) {
      stdout.write(`${timer ? CLEAR_LINE : ''}${indent}${text}\n`)
      if (timer) draw()
    },
    at(done, total, what) {
      const full = total === 0 ? 0 : Math.floor((done / total) * BAR_WIDTH)
      const count = total === 0 ? '' : `${done}/${total}  `
      const line =
        styleText('magenta', '━'.repeat(full)) + styleText('dim', '━'.repeat(total === 0 ? 0 : BAR_WIDTH - full))
      const room = Math.max(10, stdout.columns - BAR_WIDTH - count.length - 6)
      bar = `${line}${total === 0 ? '' : '  '}${count}${what.slice(0, room)}`
      if (!timer) {
        stdout.write(HIDE_CURSOR)
        process.once('exit', showCursor)
        timer = setInterval(() => {
          frame += 1
          draw()
        }, FRAME_MS)
      }
      draw()
    },
    end() {
      if (!timer) return
      clearInterval(timer)
      timer = undefined
      process.off('exit', showCursor)
      stdout.write(`${CLEAR_LINE}${SHOW_CURSOR}`)
    },
  }
}
