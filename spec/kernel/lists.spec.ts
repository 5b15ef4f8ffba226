import { expect } from 'chai'
import fc from 'fast-check'
import { place, writeText } from '../../lib/kernel/instance.ts'
import { allOfIt, maxBlockBytes, ownKernel, packLines } from '../../lib/kernel/kernel.ts'
import { listLines, packList } from '../../lib/kernel/lists.ts'
import type { Packed, Packing } from '../../lib/packed.ts'

const packing: Packing = { drop: ['_rev', '_attachments'], counted: '_attachments', special: true }
const blockOf = (lines: readonly string[]): Buffer => Buffer.from(lines.map(line => `${line}\n`).join(''))
const linesOf = ({ text }: Packed): string[] => text.toString().split('\n').slice(0, -1)
const partsOf = ({ release: _release, packing: _packing, ...parts }: Packed): unknown => ({ ...parts, text: parts.text.toString() })

const name = fc.oneof(
  fc.constantFrom('_rev', '_attachments', '_id', 'a', 'größe', '山', '😀', '__proto__', '$date', ''),
  fc.string({ unit: 'binary', maxLength: 20 })
)
const { value } = fc.letrec(tie => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.constantFrom(
      'ÿ',
      'Ā',
      '\u07ff',
      '\u0800',
      '\uffff',
      '\u{10000}',
      '\u{10ffff}',
      '\\é',
      '"山"',
      '\u2028',
      '\ud800',
      `${'x'.repeat(15)}é${'x'.repeat(16)}`
    ),
    fc.double({ noNaN: true, min: -1000, max: 1000 }),
    fc.integer(),
    fc.constantFrom(null, true, '#1.0', '#-0', '#12345678901234567890', '#1e400', '#01', '#undefined'),
    fc.constantFrom({ $date: '2026-01-01T00:00:00Z' }, { $date: 'soon' }),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(name, tie('value'), { maxKeys: 6 })
  )
}))
const document = fc
  .tuple(fc.string({ unit: 'binary', maxLength: 30 }), fc.dictionary(name, value, { maxKeys: 8 }))
  .map(([_id, fields]) => ({ ...fields, _id }))
/** Numbers of other kinds, and what is no number, stand in strings; some lines are cut, or hold a key twice. */
const line = fc.tuple(document, fc.constantFrom(undefined, 1, '\t'), fc.integer({ min: 0, max: 40 })).map(([fields, space, spoilt]) => {
  const text = JSON.stringify(fields, undefined, space)
    .replaceAll('\n', ' ')
    .replace(/"#([^"]*)"/g, '$1')
  return spoilt === 0 ? text.slice(0, -2) : spoilt === 1 ? `{"_id":"b",${text.slice(1)}` : text
})
const lines = (most: number): fc.Arbitrary<string[]> => fc.array(line, { minLength: 1, maxLength: most })

describe('lines as lists', () => {
  it('are the same documents as the lines that are packed, each character one byte', () => {
    let count = 0
    fc.assert(
      fc.property(lines(8), fc.boolean(), (all, digests) => {
        const block = blockOf(all)
        const simple = packLines([block], packing, { digests })
        const listed = listLines(block, packing, { digests })
        expect(listed.map(each => ('came' in each ? each.bytes : each))).to.deep.equal(
          simple.map(each => ('packed' in each ? each.bytes : each))
        )
        for (const [index, each] of listed.entries()) {
          const as = simple[index]!
          if (!('came' in each) || !('packed' in as)) continue
          const { count: documents, digests: words, kinds, idHashes, dropped, members } = as.packed
          expect(each.came).to.deep.equal({
            count: documents,
            digests: words,
            kinds: digests ? kinds : undefined,
            idHashes: digests ? idHashes : new Int32Array(0),
            dropped,
            members
          })
          expect(each.text).to.match(/^[\0-\xff]*$/)
          const specials = [...each.specials]
          const found = (JSON.parse(each.text) as unknown[]).map(one => (one === 0 ? specials.shift() : one))
          expect(specials).to.deep.equal([])
          for (const [at, packedLine] of linesOf(as.packed).entries())
            if (typeof found[at] === 'string') expect(found[at]).to.equal(packedLine)
            else expect(JSON.stringify(found[at])).to.equal(JSON.stringify(JSON.parse(packedLine)))
          count += found.length
        }
      }),
      { numRuns: 1_500 }
    )
    expect(count).to.be.above(300)
  })

  it('leave to the plain way what a pass that makes digests does, whatever stands where', () => {
    const many = Array.from({ length: 300 }, (_, index) => `"${(index * 7919) % 1000}":{"b":1,"a":[2]}`).join()
    const all = [
      '{"b":{"d":1,"c":2,"d":3},"_id":"a"}',
      '{"_id":"a","b":[{"c":1,"c":2}]}',
      '{"b":1,"a":{"z":{"y":[1,2],"x":3},"w":4},"_id":"b"}',
      '{"longer name b":1,"longer name a":{"_id":"x"},"_id":"c"}',
      '{"longer name b":1,"longer name a":2,"longer name b":3,"_id":"c"}',
      `{"z":1,${many},"_id":"d"}`,
      `{"_id":"e","z":{${many}}}`,
      '{"_id":"f","b":{"c":[0.1234567890123456]},"_rev":0.30000000000000004}',
      '{"_id":"f","b":{"c":[0.12345678901234567]},"_rev":0.30000000000000004}',
      '{"_id":"f","b":{"c":[0.12345678901234567,{"d":0.10000000000000001}]},"_rev":"1","a":2}',
      '{"_id":"g","b":{"c":{"d":{"e":[[0.10000000000000001,"xxxxxxxxxxxxxxxxxxxxxxxxxxxx"]]}}},"_rev":{"a":0.1},"_attachments":{"a":1,"b":{"c":2}}}',
      '{"_id":"h","b":{"$date":"2026-01-01T00:00:00Z"},"_rev":-0,"a":1.0}',
      '{"b":1,"_id":"i","a":2,"_id":"j"}'
    ]
    const [sound, checked] = [true, false].map(digests => listLines(blockOf(all), packing, { digests }))
    const known = (listed: ReturnType<typeof listLines>): unknown =>
      listed.map(each =>
        'came' in each ? { ...each, came: { ...each.came, digests: undefined, kinds: undefined, idHashes: undefined } } : each
      )
    expect(known(checked!)).to.deep.equal(known(sound!))
    expect(sound!.filter(each => !('came' in each))).to.have.length.above(4)
  })

  it('are written into the memory as the engine writes them', () => {
    const kernel = ownKernel()!
    const character = fc.oneof(
      fc.constantFrom('a', 'é', '\x7f', '\x80', '\u07ff', '\u0800', '\uffff', '😀', '\ud800', '\udfff'),
      fc.string({ unit: 'binary' })
    )
    const text = fc
      .array(fc.tuple(character, fc.nat(40)), { maxLength: 6 })
      .map(parts => parts.map(([one, count]) => one + 'x'.repeat(count)).join(''))
    fc.assert(
      fc.property(text, fc.boolean(), (written, isWide) => {
        kernel.isWide = isWide
        const to = kernel.base + place.input
        const end = writeText(kernel, written, to)
        expect(kernel.memory.subarray(to, end).toString('hex')).to.equal(Buffer.from(written).toString('hex'))
        expect(kernel.isWide).to.equal(end - to > written.length)
      }),
      { numRuns: 2_000 }
    )
  })

  it('are packed as lines are, or not at all', () => {
    let count = 0
    fc.assert(
      fc.property(lines(2), fc.constantFrom('lent' as const, 'copied' as const), (all, text) => {
        const [first, ...others] = packLines([blockOf(all)], allOfIt)
        const packed = packList(`[${all.join()}]`, all.length, text)
        const isKnown = others.length === 0 && 'packed' in first!
        expect(packed !== undefined).to.equal(isKnown)
        if (!packed || !isKnown) return
        expect(partsOf(packed)).to.deep.equal(partsOf(first.packed))
        packed.release?.()
        count += packed.count
      }),
      { numRuns: 1_500 }
    )
    expect(count).to.be.above(100)
  })

  it('are not packed where they are too long, or hold more or fewer documents', () => {
    const [short, long] = ['{"_id":"a"}', JSON.stringify({ _id: 'a', text: 'é'.repeat(maxBlockBytes / 2) })]
    expect(packList(`[${short},${short}]`, 2, 'copied')!.count).to.equal(2)
    expect(packList(`[${long}]`, 1, 'copied')).to.equal(undefined)
    expect(packList(`[${short},${short}]`, 3, 'copied')).to.equal(undefined)
    expect(packList(`[${short},${short}`, 2, 'copied')).to.equal(undefined)
  })

  it('use the memory of a text only once it is released', () => {
    const [first, second] = ['{"_id":"a"}', '{"_id":"b"}'].map(each => packList(`[${each}]`, 1, 'lent')!)
    expect(linesOf(first!)).to.deep.equal(['{"_id":"a"}'])
    first!.release!()
    const third = packList('[{"_id":"c"}]', 1, 'lent')!
    expect([second!, third].map(each => linesOf(each))).to.deep.equal([['{"_id":"b"}'], ['{"_id":"c"}']])
  })
})
