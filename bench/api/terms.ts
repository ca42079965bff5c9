/** Who submits and who asks: enough that no row and no cache line is everybody's. */
export const ORGANIZATIONS = Array.from({ length: 1_000 }, (_, index) => `organization-${index}`)

/** What opens the measured server: with a key every request is checked, as it is anywhere but on one's own machine. */
export const API_KEY = 'the-key-of-a-benchmark-that-nobody-else-can-reach'

const SENTENCES = [
  'The harbour council met on Tuesday and agreed on a new timetable for the ferry.',
  'From the first of May it leaves every forty minutes, on Sundays every hour.',
  'Three members asked what the second boat would cost, and were told 1.4 million a year.',
  'The fishermen, who share the quay, want the morning hours between five and seven for themselves.',
]

/** A short report, some 1,000 characters: what a platform hands in all day. */
export const TEXT = Array.from({ length: 3 }, () => SENTENCES.join(' ')).join('\n\n')

/** What a bare route needs to know of its database, by its environment. */
export const BARE_ENV = { databaseUrl: 'BENCH_DATABASE_URL', connections: 'BENCH_CONNECTIONS' } as const
