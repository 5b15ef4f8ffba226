import { expect } from 'chai'
import fc from 'fast-check'
import { readListed } from '../../lib/formats/listed-json.ts'
import type { ListEntry } from '../../lib/formats/listed-json.ts'
import { inPieces } from '../support/read-in-pieces.ts'

const form = { opening: ' "list": [', indent: '  ' }

async function readAll(text: string, sizes?: readonly number[]) {
  const entries: ListEntry[] = []
  let head = ''
  const tail = await readListed(inPieces(text, sizes), form, {
    head: found => ((head = found), true),
    entry: entry => entries.push(entry) > 0
  })
  return { head, entries, tail }
}

const text = (list: readonly unknown[]): string => `${JSON.stringify({ a: 'ü', list, z: 1 }, null, 1)}\n`

describe('listed JSON', () => {
  it('comes entry by entry, whatever the pieces that it is read in', async () => {
    const entry = fc.dictionary(fc.string({ unit: 'binary', maxLength: 3 }), fc.jsonValue(), { minKeys: 1, maxKeys: 3 })
    await fc.assert(
      fc.asyncProperty(
        fc.array(entry, { minLength: 1, maxLength: 4 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        async (list, sizes) => {
          const whole = text(list)
          const { head, entries, tail } = await readAll(whole, sizes)
          expect(entries.map(each => JSON.parse(each.text) as unknown)).to.deep.equal(JSON.parse(JSON.stringify(list)))
          const bytes = Buffer.from(whole)
          for (const each of entries) expect(bytes.toString('utf8', each.start, each.start + each.length)).to.equal(each.text)
          expect([head, tail]).to.deep.equal(['{\n "a": "ü"', '\n ],\n "z": 1\n}\n'])
        }
      )
    )
  })

  it('is of another form without entries, on one line, with other line ends, without its end, or where it is no JSON at all', async () => {
    const whole = text([{ a: 1 }, { b: 2 }])
    for (const other of [
      '',
      '{}',
      text([]),
      JSON.stringify(JSON.parse(whole)),
      whole.replaceAll('\n', '\r\n'),
      whole.slice(0, whole.indexOf('"b"'))
    ])
      expect((await readAll(other)).tail, other).to.equal(undefined)
  })

  it('is left where nobody wants more of it', async () => {
    let entries = 0
    const visitor = { head: () => true, entry: () => ++entries < 2 }
    expect(await readListed(inPieces(text([{ a: 1 }, { a: 2 }, { a: 3 }]), [1_000]), form, visitor)).to.equal(undefined)
    expect(entries).to.equal(2)
  })

  it('takes entries that are larger than what is read at once, and none without end', async () => {
    const large = text([{ a: 'x'.repeat(700_000) }, { b: 'y'.repeat(1_500_000) }, { c: 1 }])
    expect((await readAll(large, [100_000])).entries.map(each => each.text.length > 500_000)).to.deep.equal([true, true, false])
    expect((await readAll(text([{ a: 'x'.repeat(5 << 20) }]), [1 << 20])).tail).to.equal(undefined)
  })
})
