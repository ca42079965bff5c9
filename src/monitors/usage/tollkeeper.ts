import { isRecord } from '../../foundation/record.ts'
import { TOKEN_CLASSES } from '../../pricing/tariff.ts'
import { isCount, type UsageReading } from './reading.ts'

const KNOWN_CLASSES: ReadonlySet<string> = new Set(TOKEN_CLASSES)

/**
 * Our own words: the five classes, already disjoint. `input` and `output` must be there (0 is 0), the others may be
 * missing where the provider has no such class. A field that we do not know makes the whole report unusable: it may hold
 * tokens that nobody would price.
 */
export const readTollkeeper: UsageReading = (usage) => {
  if (!isRecord(usage)) return null
  const classes = Object.entries(usage).filter((entry): entry is [string, number] => isCount(entry[1]))
  if (classes.length !== Object.keys(usage).length || !classes.every(([name]) => KNOWN_CLASSES.has(name))) return null
  return Object.hasOwn(usage, 'input') && Object.hasOwn(usage, 'output') ? Object.fromEntries(classes) : null
}
