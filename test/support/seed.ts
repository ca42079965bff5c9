/**
 * A set-up file of every test run. `SEED=<integer>` makes all property tests draw the same values again, which is how a
 * failure is looked into; without it each draws its own seed and names it when it fails. fast-check is only loaded where
 * a seed is given: most files have no property.
 */
const { SEED } = process.env
if (SEED !== undefined && SEED !== '') {
  const seed = Number(SEED)
  if (!Number.isSafeInteger(seed)) throw new Error(`SEED is an integer, not ${SEED}`)
  const { default: fc } = await import('fast-check')
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed })
}

export {}
