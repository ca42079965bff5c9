/**
 * The import rules (CONTRIBUTING.md, "Ranks"). A file imports only strictly lower ranks and its own folder, never a
 * sibling of its own rank. The folders and ranks stand in this one table; every rule below is derived from it.
 */
const RANKS = {
  // Frozen history: the database folder lists and runs it, and it imports nothing of ours.
  migrations: 0,
  'src/foundation': 0,
  'src/pricing': 1,
  'src/tokenizer': 1,
  'src/config': 1,
  'src/models': 2,
  'src/ledger': 2,
  'src/database': 3,
  'src/managers': 4,
  'src/queues': 4,
  'src/monitors': 5,
  'src/agents': 5,
  'src/pipeline': 6,
  'src/admin': 7,
  'src/cli': 7,
  workers: 7,
  'src/composition': 8,
  'src/composition.ts': 9,
  'src/main.ts': 10,
  'src/index.ts': 11,
}

/** What stands above the table's order: a command composes the process that it runs. */
const EXTRA = { 'src/cli': ['src/composition.ts', 'src/main.ts'] }

const CODE = '^(src|workers|migrations)/'
const at = (place) => (place.endsWith('.ts') ? `^${place.replaceAll('.', '\\.')}$` : `^${place}/`)

const rankRules = Object.entries(RANKS).map(([place, rank]) => {
  const lower = Object.keys(RANKS).filter((other) => RANKS[other] < rank)
  return {
    name: `rank-of-${place.replace(/^src\//, '')}`,
    comment: 'imports go strictly downwards in the ranks, or stay in the own folder',
    severity: 'error',
    from: { path: at(place) },
    to: { path: CODE, pathNot: [place, ...lower, ...(EXTRA[place] ?? [])].map(at) },
  }
})

/** A package as it is resolved, or as it is written when it is not installed. */
const pkg = (names) => `(^|node_modules/)(${names})(/|$)`

/** @param allowed paths that may import it */
const onlyIn = (name, packages, allowed) => ({
  name,
  comment: `only ${allowed.join(', ')} may import this`,
  severity: 'error',
  from: { path: CODE, pathNot: allowed },
  to: { path: pkg(packages) },
})

const PURE = '^src/(pricing|tokenizer|ledger)/'
const VOCABULARY = '^src/tokenizer/read-vocabulary\\.ts$'

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...rankRules,
    { name: 'no-cycle', severity: 'error', from: {}, to: { circular: true } },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-dev-dependency',
      comment: 'what runs in production is a dependency',
      severity: 'error',
      from: { path: CODE },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-code-in-tests',
      comment: 'the product needs no test, bench or example',
      severity: 'error',
      from: { path: CODE },
      to: { path: '^(test|bench|examples|bin)/' },
    },
    {
      name: 'examples-use-the-public-surface',
      severity: 'error',
      from: { path: '^examples/' },
      to: { path: CODE, pathNot: '^src/index\\.ts$' },
    },
    {
      name: 'pure-has-no-builtins',
      comment: 'tariff maths, tokens and ledger decisions need no input, output or clock',
      severity: 'error',
      from: { path: PURE, pathNot: VOCABULARY },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'pure-has-no-builtins',
      comment: 'a synchronous count reads its vocabulary, a file of a package, at the first use',
      severity: 'error',
      from: { path: VOCABULARY },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(module|fs)$' },
    },
    {
      name: 'pure-has-no-packages',
      comment: 'only the vocabulary comes from outside',
      severity: 'error',
      from: { path: PURE },
      to: { path: 'node_modules/', pathNot: 'node_modules/gpt-tokenizer/' },
    },
    {
      name: 'vocabulary-only-in-tokenizer',
      severity: 'error',
      from: { path: CODE, pathNot: '^src/tokenizer/' },
      to: { path: pkg('gpt-tokenizer') },
    },
    {
      name: 'pure-has-no-effects',
      comment:
        'of the foundation: errors, ids, invariant, the shapes of a clock and of a mandate, but no logger and no thread',
      severity: 'error',
      from: { path: PURE },
      to: { path: '^src/foundation/', pathNot: '^src/foundation/(errors|ids|invariant|clock|mandate)\\.ts$' },
    },
    onlyIn('orm-only-below-managers', '@mikro-orm', ['^src/(models|database|managers)/', '^migrations/']),
    {
      name: 'pg-only-in-database',
      comment: 'connections are opened in one place',
      severity: 'error',
      from: { path: CODE, pathNot: '^src/database/' },
      to: { path: pkg('pg'), dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'pg-types-where-pools-are-passed',
      comment: 'BullMQ is given our pool by the composition; everybody else talks to the database folder',
      severity: 'error',
      from: { path: CODE, pathNot: ['^src/(database|queues)/', '^src/composition(/|\\.ts$)'] },
      to: { path: pkg('pg|@types/pg'), dependencyTypes: ['type-only'] },
    },
    onlyIn('queues-only-in-queues', 'bullmq|ioredis', ['^src/queues/', '^workers/', '^src/admin/board']),
    onlyIn('http-only-in-admin', 'express|@types/express|helmet|express-rate-limit|rate-limit-redis', ['^src/admin/']),
    onlyIn('metrics-only-in-admin', 'prom-client', ['^src/admin/metrics/']),
    onlyIn('board-only-in-admin', '@bull-board', ['^src/admin/board']),
    onlyIn('model-sdk-only-in-agents', '@ai-sdk', ['^src/agents/']),
    onlyIn('terminal-only-in-cli', 'commander|@clack', ['^src/cli/']),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|coverage|\\.data)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    combinedDependencies: false,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'types', 'default'] },
  },
}
