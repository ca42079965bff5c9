import { spawnSync } from 'node:child_process'
import { afterEach, describe, expect, it } from 'vitest'
import { armFailpoints, FAILPOINTS, failpoint, readFailpoints } from '../../src/foundation/failpoint.ts'
import { readFiles } from '../house/source-files.ts'

const MODULE = new URL('../../src/foundation/failpoint.ts', import.meta.url).href

/** A process that arms `text`, passes one place three times, and says how far it came. */
function passing(text: string): { signal: string | null; stdout: string; stderr: string } {
  const script = `import { armFailpoints, failpoint } from '${MODULE}'
    armFailpoints('${text}')
    for (let pass = 1; pass <= 3; pass += 1) { failpoint('claim.after'); console.log(pass) }`
  const { signal, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  })
  return { signal, stdout, stderr }
}

describe('a failpoint', () => {
  afterEach(() => armFailpoints(undefined))

  it('does nothing where nothing is armed, or something else', () => {
    failpoint('claim.after')
    armFailpoints('claim.before:throw')
    failpoint('claim.after')
  })

  it('throws at the pass that is named, and at no other', () => {
    armFailpoints('claim.after:throw@2')
    failpoint('claim.after')
    failpoint('claim.before')
    expect(() => failpoint('claim.after')).toThrow('failpoint claim.after')
    failpoint('claim.after')
  })

  it('counts a pass for every rule of a place, also when one of them throws', () => {
    armFailpoints('claim.after:throw@1,claim.after:throw@2')
    expect(() => failpoint('claim.after')).toThrow()
    expect(() => failpoint('claim.after')).toThrow()
    failpoint('claim.after')
  })

  it('kills its process in the middle of it, and says so first', () => {
    expect(passing('claim.after:kill@2')).toEqual({
      signal: 'SIGKILL',
      stdout: '1\n',
      stderr: 'failpoint claim.after: kill\n',
    })
  })

  it('a delay holds up the whole process and lets it go on', () => {
    const began = Date.now()
    armFailpoints('claim.after:delay=120@1')
    failpoint('claim.after')
    expect(Date.now() - began).toBeGreaterThanOrEqual(119)
  })

  it('a chance of zero never hits', () => {
    armFailpoints('claim.after:throw:0')
    for (let pass = 0; pass < 100; pass += 1) failpoint('claim.after')
  })

  it.each(['', 'claim.after', 'claim.after:explode', 'claim.after:delay', 'claim.after:kill=5', 'claim.after:kill@0'])(
    'the text "%s" is refused with everything that is known',
    (text) => {
      expect(() => readFailpoints(text)).toThrow(/names are submit.after-row, .*; actions are kill, stop, throw, delay/)
    },
  )

  it('every name stands somewhere in the code', () => {
    const code = readFiles(['{src,workers}/**/*.ts'])
      .map(({ text }) => text)
      .join('')
    expect(FAILPOINTS.filter((name) => !code.includes(`failpoint('${name}')`))).toEqual([])
  })
})
