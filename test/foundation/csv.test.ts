import { describe, expect, it } from 'vitest'
import { toCsv } from '../../src/foundation/csv.ts'

describe('a table as CSV', () => {
  it('has a header line, ends each line as RFC 4180 says, and leaves nothing for null', () => {
    const rows = [
      ['one', 1, null],
      [null, 0, '0.00018'],
    ]
    expect(toCsv(['a', 'b', 'c'], rows)).toBe('a,b,c\r\none,1,\r\n,0,0.00018\r\n')
    expect(toCsv(['a'], [])).toBe('a\r\n')
  })

  it.each([
    ['a,b', '"a,b"'],
    ['say "so"', '"say ""so"""'],
    ['two\nlines', '"two\nlines"'],
    ['two\rlines', '"two\rlines"'],
    ['=1+1', "'=1+1"],
    ['+1', "'+1"],
    ['-1+cmd', "'-1+cmd"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['\t=1', "'\t=1"],
    ['\r=1', `"'\r=1"`],
    ['=HYPERLINK("http://x","y")', `"'=HYPERLINK(""http://x"",""y"")"`],
    ['-0.5', '-0.5'],
    ['-12', '-12'],
    ['-', "'-"],
    ['a=b', 'a=b'],
  ])('writes the cell %j as %j', (cell, field) => {
    expect(toCsv(['h'], [[cell]])).toBe(`h\r\n${field}\r\n`)
  })
})
