import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** What the board's own states mean here. Completed means charged: a queue job that ends without a charge goes. */
const STATES = {
  ACTIVE: 'Measuring',
  WAITING: 'Queued',
  'WAITING-CHILDREN': 'Waiting for agents',
  COMPLETED: 'Charged',
  FAILED: 'Rejected or failed',
  DELAYED: 'Put off',
} as const

interface Messages {
  readonly DASHBOARD: { readonly SORTING: Readonly<Record<string, string>> }
  readonly QUEUE: { readonly STATUS: Readonly<Record<string, string>> }
  readonly METRICS: Readonly<Record<string, string>>
}

/** The board's English texts, with our names for its states. */
export function boardMessages(): Messages {
  const ui = dirname(createRequire(import.meta.url).resolve('@bull-board/ui/package.json'))
  const messages = JSON.parse(readFileSync(join(ui, 'dist/static/locales/en-US/messages.json'), 'utf8')) as Messages
  const named = (texts: Readonly<Record<string, string>>) => ({ ...texts, ...pick(STATES, Object.keys(texts)) })
  return {
    ...messages,
    DASHBOARD: { ...messages.DASHBOARD, SORTING: named(messages.DASHBOARD.SORTING) },
    QUEUE: { ...messages.QUEUE, STATUS: named(messages.QUEUE.STATUS) },
    METRICS: named(messages.METRICS),
  }
}

function pick(from: Readonly<Record<string, string>>, keys: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(from).filter(([key]) => keys.includes(key)))
}
