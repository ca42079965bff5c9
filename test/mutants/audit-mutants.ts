import { type Mutant, mutantsOf } from './mutant.ts'

/** Who did what, and whether anybody changed that later. */
export const AUDIT_MUTANTS: readonly Mutant[] = [
  ...mutantsOf(
    'src/ledger/audit-chain.ts',
    ['ledger/audit-chain'],
    [
      {
        name: 'audit-number-is-not-hashed',
        why: 'entries change places and nobody sees it',
        find: 'seq}\\n$',
        replace: 'entry}\\n$',
      },
      {
        name: 'audit-chain-is-not-followed',
        why: 'an entry is written anew with a hash that fits it',
        find: 'prevHash !== this.#last.hash',
        replace: 'prevHash === ""',
      },
      {
        name: 'audit-text-is-not-hashed-again',
        why: 'the text of an entry is changed and nobody sees it',
        find: 'this.#sha256(hashedText(prevHash, seq, entry)) !== hash',
        replace: 'hash === ""',
      },
      {
        name: 'audit-gap-is-passed-over',
        why: 'entries are removed and nobody sees it',
        find: 'if (seq > expected)',
        replace: 'if (seq > expected && seq < 0)',
      },
      {
        name: 'audit-tail-may-be-cut',
        why: 'the newest entries are removed and nobody sees it',
        find: 'else if (head.seq > seq)',
        replace: 'else if (head.seq > seq + 1_000)',
      },
      {
        name: 'audit-columns-are-believed',
        why: 'an entry is hidden from every filter',
        find: '(stored === meant ? [] : [name])',
        replace: '(stored === meant || stored !== meant ? [] : [name])',
      },
      {
        name: 'audit-history-written-anew',
        why: 'a log with other entries and fitting hashes is taken for the one that was verified',
        find: 'if (hash === this.#last.hash) return',
        replace: 'if (hash !== null) return',
      },
    ],
  ),
  ...mutantsOf(
    'src/ledger/audit-entry.ts',
    ['ledger/audit-entry'],
    [
      {
        name: 'audit-keeps-secrets',
        why: 'whoever reads the log has the keys',
        find: 'LEFT_OUT.has(name)',
        replace: 'LEFT_OUT.has("")',
      },
      {
        name: 'audit-entry-without-bound',
        why: 'one change fills the table',
        find: 'size <= PART_BYTES_MAX',
        replace: 'size > 0',
      },
    ],
  ),
  ...mutantsOf(
    ['src/managers/audit-notes.ts'],
    ['managers/audit-log'],
    [
      {
        name: 'audit-notes-without-bound',
        why: 'a flood of refused requests fills the table',
        find: 'if (before >= SINGLE_MAX || this.#window.singles >= SINGLE_OF_ALL_MAX) {',
        replace: 'if (before >= 1_000_000) {',
      },
      {
        name: 'audit-notes-of-many-keys-without-bound',
        why: 'a flood by many keys fills the table',
        find: ' || this.#window.singles >= SINGLE_OF_ALL_MAX',
        replace: '',
      },
    ],
  ),
  ...mutantsOf(
    'src/managers/audit-log.manager.ts',
    ['managers/audit-log'],
    [
      {
        name: 'audit-of-a-dry-run',
        why: 'the log says that something was done which was not',
        find: 'if (mandate.dryRun) return',
        replace: '',
      },
    ],
  ),
  ...mutantsOf(
    'src/managers/verify-audit.ts',
    ['managers/verify-audit'],
    [
      {
        name: 'audit-check-begins-anew',
        why: 'each sweep reads what was verified before, and never comes to what is new',
        find: 'this.#checked = {',
        replace: 'void {',
      },
    ],
  ),
]
