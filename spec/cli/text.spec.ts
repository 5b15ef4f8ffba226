import { expect } from 'chai'
import {
  createStyle,
  displayWidth,
  fit,
  formatBytes,
  formatCount,
  formatDuration,
  formatRate,
  formatTimeLeft,
  plural,
  safe,
  wrap
} from '../../lib/cli/text.ts'

describe('cli: text', () => {
  it('writes counts with separators', () => {
    expect(formatCount(1234567)).to.equal('1,234,567')
  })

  for (const [bytes, text] of [
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [3_240_000, '3.2 MB'],
    [512_000_000, '512 MB'],
    [999_999, '1.0 MB'],
    [10_737_418_240, '10.7 GB']
  ] as const) {
    it(`writes ${bytes} bytes as ${text}`, () => expect(formatBytes(bytes)).to.equal(text))
  }

  for (const [ms, text] of [
    [420, '420 ms'],
    [999.7, '1.0 s'],
    [8120, '8.1 s'],
    [59_980, '1m 00s'],
    [245_000, '4m 05s'],
    [3_599_900, '1h 00m'],
    [11_520_000, '3h 12m'],
    [187_200_000, '2d 4h']
  ] as const) {
    it(`writes ${ms} ms as ${text}`, () => expect(formatDuration(ms)).to.equal(text))
  }

  it('writes slow rates with a decimal and others without', () => {
    expect(formatRate(0.42)).to.equal('0.4/s')
    expect(formatRate(5432.1)).to.equal('5,432/s')
    expect(formatTimeLeft(200)).to.equal('1 s')
  })

  it('counts one as one', () => {
    expect(plural(1, 'retry', 'retries')).to.equal('1 retry')
    expect(plural(2, 'document')).to.equal('2 documents')
  })

  it('shows control characters instead of sending them', () => {
    expect(safe('a\u001b[31mb\nc\u202e')).to.equal('a\\u001b[31mb\\u000ac\\u202e')
  })

  it('measures wide, combining and coloured text', () => {
    expect(displayWidth('日本')).to.equal(4)
    expect(displayWidth('ｋ한か🚀é')).to.equal(9)
    expect(displayWidth('e\u0301')).to.equal(1)
    expect(displayWidth(createStyle(true).red('abc'))).to.equal(3)
  })

  it('cuts to the width and shows the cut', () => {
    expect(fit('collection', 6)).to.equal('colle…')
    expect(fit('日本語', 4)).to.equal('日…')
    expect(fit('short', 6)).to.equal('short')
  })

  it('wraps at spaces', () => {
    expect(wrap('one two three', 8)).to.deep.equal(['one two', 'three'])
  })
})
