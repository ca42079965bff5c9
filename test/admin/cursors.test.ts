import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { Cursors } from '../../src/admin/page.ts'

const ours = new Cursors(randomBytes(32))

describe('a cursor', () => {
  test('leads back to its place, in every process with the same secret', () => {
    const secret = randomBytes(32)
    const cursor = String(new Cursors(secret).write('ledger acme', [17, 'ä"']))
    expect(new Cursors(secret).read('ledger acme', cursor)).toEqual([17, 'ä"'])
  })

  test('is none where there is no next page', () => {
    expect([ours.write('jobs', []), ours.write('jobs', [null]), ours.write('jobs', [1, undefined])]).toEqual([
      null,
      null,
      null,
    ])
  })

  const cursor = String(ours.write('ledger acme', [17]))
  test.each([
    ['of another owner', 'ledger other', cursor],
    ['of another filter', 'ledger acme kind=charge', cursor],
    ['cut', 'ledger acme', cursor.slice(0, -1)],
    ['longer', 'ledger acme', `${cursor}A`],
    ['padded', 'ledger acme', `${cursor}=`],
    ['of another installation', 'ledger acme', String(new Cursors(randomBytes(32)).write('ledger acme', [17]))],
    ['without a signature', 'ledger acme', Buffer.from('[17]').toString('base64url')],
    [
      'with the checksum that anybody can make',
      'ledger acme',
      Buffer.concat([randomBytes(16), Buffer.from('[17]')]).toString('base64url'),
    ],
    ['of nothing', 'ledger acme', ''],
    ['endless', 'ledger acme', 'A'.repeat(10_000)],
  ])('%s is refused', (_what, list, text) => {
    expect(() => ours.read(list, text)).toThrow(expect.objectContaining({ code: 'invalid-cursor', status: 400 }))
  })
})
