import { expect } from 'chai'
import { linesBackwards } from '../../lib/formats/lines-backwards.ts'

async function read(text: string, blockBytes: number): Promise<string[]> {
  const bytes = Buffer.from(text)
  const found: string[] = []
  for await (const line of linesBackwards(async (at, length) => bytes.subarray(at, at + length), bytes.length, blockBytes)) {
    expect(bytes.subarray(line.offset, line.offset + line.bytes.length).equals(line.bytes)).to.equal(true)
    found.push(`${line.bytes.toString()}${line.complete ? '' : ' (cut)'}`)
  }
  return found
}

describe('lines backwards', () => {
  it('gives the last line first, whatever the blocks cut', async () => {
    const lines = ['a', '', 'été 日本語 😀', 'x'.repeat(100), 'é', 'end']
    const text = lines.map(line => `${line}\n`).join('')
    for (let blockBytes = 1; blockBytes <= Buffer.byteLength(text) + 1; blockBytes++)
      expect(await read(text, blockBytes), `blocks of ${blockBytes}`).to.deep.equal(lines.toReversed())
  })

  it('says that the last line has no end', async () => {
    for (const blockBytes of [1, 2, 3, 100]) expect(await read('one\ntwo\nthr', blockBytes)).to.deep.equal(['thr (cut)', 'two', 'one'])
    expect(await read('on', 1)).to.deep.equal(['on (cut)'])
  })

  it('finds empty lines, and nothing in nothing', async () => {
    for (const blockBytes of [1, 2, 100]) expect(await read('\n\nx\n', blockBytes)).to.deep.equal(['x', '', ''])
    expect(await read('', 10)).to.deep.equal([])
  })
})
