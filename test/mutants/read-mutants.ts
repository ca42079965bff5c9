import { type Mutant, mutantsOf } from './mutant.ts'

/** What a money transaction locks and reads. */
export const READ_MUTANTS: readonly Mutant[] = [
  ...mutantsOf(
    'src/database/sql/lock-balances.sql',
    ['database/money-races'],
    [
      {
        name: 'lock-skipped',
        why: 'two processes spend the same money',
        find: 'order by organization_id for update',
        replace: 'order by organization_id',
      },
      {
        name: 'lock-in-any-order',
        why: 'two batches wait for one another until PostgreSQL kills one',
        find: 'order by organization_id for update',
        replace: 'order by random() for update',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/money/read-facts.ts',
    ['database/money-statements'],
    [
      {
        name: 'transaction-not-begun',
        why: 'a lock ends with its own statement, and half of a batch may be stored',
        find: "client.query('begin')",
        replace: "client.query('select 1')",
        killers: ['database/money-races'],
      },
      {
        name: 'bounds-of-the-stopping-not-read',
        why: 'a job that stops cannot be priced and parked by the sibling that settles last',
        find: 'if (!named.admits) await readBounds(client, stages, jobs)',
        replace: '',
      },
      {
        name: 'lines-of-the-failing-not-read',
        why: 'charges cannot be reversed',
        find: 'if (whole.has(row.jobId)) jobs.add(row.jobId)',
        replace: '',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/sql/read-parked.sql',
    ['database/money-statements'],
    [
      {
        name: 'parked-newest-first',
        why: 'of more parked jobs than one wake looks at, the oldest wait for ever',
        find: 'order by j.parked_at, j.id',
        replace: 'order by j.parked_at desc, j.id desc',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/sql/read-counters.sql',
    ['database/money-statements'],
    [
      {
        name: 'counters-of-the-admission-not-read',
        why: 'a job that ends after its period writes that period’s counters anew',
        find: 'select j.period_start from',
        replace: 'select null::timestamptz from',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/sql/read-organizations.sql',
    ['database/money-statements'],
    [
      {
        name: 'waiting-not-seen',
        why: 'money becomes free and nobody is woken',
        find: "exists (select 1 from tollkeeper.jobs j where j.organization_id = o.id and j.state = 'rejected_for_balance')",
        replace: 'false',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/sql/read-members.sql',
    ['managers/money-managers'],
    [
      {
        name: 'pending-members-not-read',
        why: 'a member who waits for a seat waits for ever',
        find: "or organization_id = any ($4::text[]) and state = 'pending_payment'",
        replace: '',
      },
    ],
  ),
  ...mutantsOf(
    'src/database/money/named-rows.ts',
    ['database/lost-commit'],
    [
      {
        name: 'lookup-of-top-ups-dropped',
        why: 'a top-up whose answer was lost meets its own key instead of its own answer',
        find: 'others.add(businessKey.topUp(call.organizationId, call.reference))',
        replace: '',
      },
      {
        name: 'lookup-of-adjustments-dropped',
        why: 'a correction whose answer was lost meets its own key instead of its own answer',
        find: 'others.add(businessKey.adjustment(call.organizationId, call.reference))',
        replace: '',
      },
      {
        name: 'lookup-of-extensions-dropped',
        why: 'an extension whose answer was lost says that it held nothing',
        find: 'ofJobs.push({ jobId: call.jobId, key: businessKey.extend(call.jobId, call.stage, call.call) })',
        replace: 'ofJobs.length',
        killers: ['database/money-statements'],
      },
      {
        name: 'lookup-of-lines-dropped',
        why: 'the replay of a settled stage has no lines to answer',
        find: "if (call.kind === 'settle')",
        replace: "if (call.kind === 'complete')",
        killers: ['database/money-races'],
      },
    ],
  ),
]
