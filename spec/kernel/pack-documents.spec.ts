import { expect } from 'chai'
import fc from 'fast-check'
import { DocumentPacker } from '../../lib/kernel/pack-documents.ts'
import type { DocumentStretch } from '../../lib/packed.ts'
import { idHashes } from '../../lib/values/id-hashes.ts'
import { digestsAt, documentDigests, isOrdinary, parseJson, Timestamp } from '../../lib/values/index.ts'
import type { Document } from '../../lib/values/index.ts'
import { anyDocument } from '../formats/bytes.ts'

/** Enough that packing is begun. */
const usual = Array.from({ length: 20 }, (_, index): Document => ({
  _id: `usual-${index}`,
  text: 'größer 😀 "\\ \n',
  n: [index, index / 3, null, true]
}))

/** What a stage without types may give. */
const nothing = fc.constantFrom(null, undefined, 1, 'text', {}, { _id: 1 }, []).map(value => value as unknown as Document)

const ordinary = fc
  .tuple(fc.string({ unit: 'binary' }), fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue(), { maxKeys: 4 }))
  .map(([_id, fields]): Document => ({ ...(fields as Document), _id }))

function isPacked({ packed }: DocumentStretch): boolean {
  return packed !== undefined
}

/** What must hold of stretches, whatever the documents are. */
function check(documents: readonly Document[], stretches: readonly DocumentStretch[]): void {
  const all = stretches.flatMap(stretch => stretch.documents)
  expect(all.length).to.equal(documents.length)
  all.forEach((document, index) => expect(document).to.equal(documents[index]))
  for (const { documents: own, packed } of stretches) {
    if (!packed) continue
    const { count, text, lines, digests, kinds, idHashes: hashes } = packed
    expect(count).to.equal(own.length)
    expect(kinds).to.equal(undefined)
    expect(lines!.ids).to.deep.equal(own.map(({ _id }) => _id))
    expect([...hashes]).to.deep.equal(own.flatMap(({ _id }) => idHashes(_id)))
    let from = 0
    own.forEach((document, index) => {
      const end = lines!.ends[index]!
      const line = text.toString('utf8', from, end)
      from = end
      expect(line).to.equal(`${JSON.stringify(document)}\n`)
      expect(documentDigests(parseJson(line) as Document)).to.deep.equal(documentDigests(document))
      expect(Buffer.compare(digestsAt(digests, kinds, index).values, documentDigests(document).values)).to.equal(0)
      expect(isOrdinary(document)).to.equal(true)
      expect(Object.keys(document).some(name => name.startsWith('_') && name !== '_id' && document[name] !== undefined)).to.equal(false)
    })
    packed.release?.()
  }
}

describe('kernel: documents that come as objects', () => {
  it('are packed as the documents that they are, or left', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(anyDocument, ordinary, nothing), { maxLength: 30 }), fc.nat(usual.length), (documents, at) => {
        const mixed = [...usual.slice(0, at), ...documents, ...usual.slice(at)]
        check(mixed, new DocumentPacker().pack(mixed))
      }),
      { numRuns: 500 }
    )
  })

  it('are packed together where all are ordinary', () => {
    const stretches = new DocumentPacker().pack(usual)
    check(usual, stretches)
    expect(stretches.map(isPacked)).to.deep.equal([true])
  })

  it('are packed around one that is not', () => {
    const odd: Document[] = [
      { _id: 'half \ud800' },
      { _id: 'a', text: '\udc00' },
      { _id: 'a', _rev: '1-a' },
      { _id: '_design/a' },
      { _id: 'a', map: { $a: 1 } },
      { _id: 'a', at: new Timestamp(0, 0) },
      { _id: 'a', n: -0 },
      { _id: 'a', n: NaN },
      { _id: 'a', list: [undefined as unknown as null] },
      { _id: 'a', toJSON: (() => ({})) as unknown as null },
      { _id: 'a', date: new Date(0) as unknown as null },
      { _id: 'a', text: 'x'.repeat(1 << 20) }
    ]
    for (const document of odd) {
      const documents = [...usual.slice(0, 10), document, ...usual.slice(10)]
      const stretches = new DocumentPacker().pack(documents)
      check(documents, stretches)
      expect(stretches.map(stretch => [isPacked(stretch), stretch.documents.length])).to.deep.equal([
        [true, 10],
        [false, 1],
        [true, 10]
      ])
    }
  })

  it('without fields that are undefined, of which no text tells', () => {
    const documents = usual.map(document => ({ ...document, none: undefined, _none: undefined }) as unknown as Document)
    const stretches = new DocumentPacker().pack(documents)
    expect(stretches.map(isPacked)).to.deep.equal([true])
    const { packed } = stretches[0]!
    documents.forEach((document, index) =>
      expect(Buffer.compare(digestsAt(packed!.digests, undefined, index).values, documentDigests(document).values)).to.equal(0)
    )
  })

  it('are packed in parts where they are large, and left where what is escaped makes them larger than they seem', () => {
    const large = Array.from({ length: 40 }, (_, index) => ({ _id: `large-${index}`, text: 'é'.repeat(90_000) }))
    const stretches = new DocumentPacker().pack(large)
    check(large, stretches)
    expect(stretches.every(isPacked)).to.equal(true)
    expect(stretches.length).to.be.greaterThan(10)
    const escaped = Array.from({ length: 20 }, (_, index) => ({ _id: `escaped-${index}`, text: '\u0000'.repeat(250_000) }))
    const left = new DocumentPacker().pack(escaped)
    check(escaped, left)
    expect(left.some(isPacked)).to.equal(false)
  })

  it('keep their lines until they are released', () => {
    const first = new DocumentPacker().pack(usual)[0]!.packed!
    const text = first.text.toString()
    for (let round = 0; round < 2_000; round++) new DocumentPacker().pack(usual)[0]!.packed!.release?.()
    expect(first.text.toString()).to.equal(text)
    first.release?.()
  })

  it('are left for a while behind many that could not be packed, and then looked at again', () => {
    const packer = new DocumentPacker()
    const revised = usual.map(document => ({ ...document, _rev: '1-a' }))
    expect(packer.pack(revised).some(isPacked)).to.equal(false)
    let rounds = 0
    while (!packer.pack(usual).some(isPacked)) rounds++
    expect(rounds).to.be.within(1, 100)
    expect(packer.pack(usual).map(isPacked)).to.deep.equal([true])
  })

  it('are left where they are few', () => {
    expect(new DocumentPacker().pack(usual.slice(0, 3)).map(isPacked)).to.deep.equal([false])
    expect(new DocumentPacker().pack([]).flatMap(({ documents }) => documents)).to.deep.equal([])
  })
})
