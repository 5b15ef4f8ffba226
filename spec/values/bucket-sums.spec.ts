import { createHash } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import { BucketSums, bucketCount, bucketOf } from '../../lib/values/bucket-sums.ts'
import { idHashes } from '../../lib/values/id-hashes.ts'
import { DigestSum, documentDigests, Double } from '../../lib/values/index.ts'
import type { Document } from '../../lib/values/index.ts'

const documents: Document[] = Array.from({ length: 20_000 }, (_, index) => ({ _id: `d${index}`, index, text: `t${index}` }))

function sumsOf(added: readonly Document[]): BucketSums {
  const sums = new BucketSums()
  for (const document of added) sums.add(document._id, documentDigests(document))
  return sums
}

const changed = (id: string, fields: object): Document[] =>
  documents.map(document => (document._id === id ? { ...document, ...fields } : document))

describe('bucket sums', () => {
  const whole = sumsOf(documents)
  const differing = (other: readonly Document[], kinds = true): number[] => whole.differing(sumsOf(other), { kinds })

  it('are the same in whatever order documents come', () => {
    const turned = sumsOf(documents.toReversed())
    expect(turned.root()).to.equal(whole.root())
    expect(differing(documents.toReversed())).to.deep.equal([])
  })

  it('of parts merge into those of the whole', () => {
    const sums = sumsOf(documents.slice(0, 7_000))
    sums.merge(sumsOf(documents.slice(7_000)))
    expect([sums.root(), sums.count]).to.deep.equal([whole.root(), 20_000])
  })

  it('are the same of documents that are added together, whichever way they go from sum to sum', () => {
    const together = (from: number, to: number): BucketSums => {
      const sums = new BucketSums()
      const part = documents.slice(from, to)
      const bytes = Buffer.concat(part.map(document => documentDigests(document).values)).swap32()
      const words = new Uint32Array(bytes.length / 4).map((_, index) => bytes.readUInt32LE(4 * index))
      sums.addAll(Int32Array.from(part.flatMap(({ _id }) => idHashes(_id))), words)
      return sums
    }
    const sums = sumsOf(documents.slice(0, 100))
    for (let from = 100; from < 19_000; from += 900) {
      const part = together(from, from + 450)
      part.merge(together(from + 450, from + 900))
      sums.merge(part)
      if (from % 2_700 === 100) expect(part.root()).to.equal(sumsOf(documents.slice(from, from + 900)).root())
    }
    expect(sums.count).to.equal(19_000)
    expect(sums.differing(sumsOf(documents.slice(0, 19_000)), { kinds: true })).to.deep.equal([])
    sums.merge(together(19_000, 20_000))
    expect(sums.countOf(bucketOf('d19999'))).to.equal(whole.countOf(bucketOf('d19999')))
    expect([sums.root(), sums.total()]).to.deep.equal([whole.root(), whole.total()])
  })

  it('keep nothing of the columns that were added together', () => {
    const sums = new BucketSums()
    const part = documents.slice(0, 1_000)
    const hashes = Int32Array.from(part.flatMap(({ _id }) => idHashes(_id)))
    const bytes = Buffer.concat(part.map(document => documentDigests(document).values)).swap32()
    const words = new Uint32Array(bytes.length / 4).map((_, index) => bytes.readUInt32LE(4 * index))
    sums.addAll(hashes, words)
    for (const column of [hashes, words]) column.fill(7)
    expect(sums.root()).to.equal(sumsOf(part).root())
  })

  it('hold what another has of them when that one is given up, which then tells nothing', () => {
    const sums = sumsOf([])
    const part = new BucketSums()
    part.addAll(Int32Array.from(idHashes('a')), new Uint32Array(8).fill(1))
    sums.merge(part)
    part.giveUp()
    expect([sums.count, sums.total()]).to.deep.equal([1, '00000001'.repeat(8)])
    for (const use of [
      () => part.bytes(),
      () => part.add('b', documentDigests({ _id: 'b' })),
      () => part.addAll(new Int32Array(2), new Uint32Array(8)),
      () => sums.merge(part)
    ])
      expect(use).to.throw(/given up/)
  })

  it('come back from their bytes', () => {
    const numbers = sumsOf([...documents, { _id: 'n', n: new Double(1) }])
    const back = BucketSums.from(numbers.bytes())
    expect([back.root(), back.count, back.total()]).to.deep.equal([numbers.root(), 20_001, numbers.total()])
    expect(back.differing(numbers, { kinds: true })).to.deep.equal([])
  })

  it('have the total that a file states', () => {
    const sum = new DigestSum()
    for (const document of documents) sum.add(document)
    expect(whole.total()).to.equal(sum.hex())
  })

  it('differ in the bucket of a document that is missing, extra, doubled or changed', () => {
    expect(differing(documents.slice(1))).to.deep.equal([bucketOf('d0')])
    expect(differing([...documents, { _id: 'extra' }])).to.deep.equal([bucketOf('extra')])
    expect(differing([...documents, documents[5]!])).to.deep.equal([bucketOf('d5')])
    expect(differing(changed('d77', { text: 't78' }))).to.deep.equal([bucketOf('d77')])
  })

  it('differ in both buckets of two documents whose contents were swapped', () => {
    const [a, b] = [documents[10]!, documents[11]!]
    const swapped = documents.map(document => (document === a ? { ...b, _id: 'd10' } : document === b ? { ...a, _id: 'd11' } : document))
    expect(differing(swapped)).to.deep.equal([bucketOf('d10'), bucketOf('d11')].sort((one, other) => one - other))
  })

  it('tell 1 from 1.0, 0 from -0 and a bigint from a double only where kinds count', () => {
    for (const [one, other] of [
      [1, new Double(1)],
      [0, -0],
      [1e20, 10n ** 20n]
    ] as const) {
      const [sums, others] = [sumsOf([{ _id: 'n', n: one }]), sumsOf([{ _id: 'n', n: other }])]
      expect(sums.differing(others, { kinds: true })).to.deep.equal([bucketOf('n')])
      expect(sums.differing(others, { kinds: false })).to.deep.equal([])
    }
  })

  it('do not tell kinds that no text keeps: a small bigint, a double that is no integer', () => {
    for (const [one, other] of [
      [5, 5n],
      [1.5, new Double(1.5)],
      [1e300, new Double(1e300)],
      [-0, new Double(-0)]
    ] as const) {
      const [sums, others] = [sumsOf([{ _id: 'n', n: one }]), sumsOf([{ _id: 'n', n: other }])]
      expect(sums.differing(others, { kinds: true })).to.deep.equal([])
    }
  })

  it('spread ids that are alike evenly', () => {
    const counts = Array.from({ length: bucketCount }, (_, bucket) => whole.countOf(bucket))
    expect(Math.max(...counts)).to.be.below(20)
  })

  it('differ and add up as their documents do, bucket by bucket, in whatever form they are', () => {
    const document = fc.record({ id: fc.nat(30), n: fc.constantFrom(1, new Double(1), 2) })
    const held = fc.record({ documents: fc.array(document, { maxLength: 12 }), many: fc.boolean(), form: fc.nat(2) })
    const inForm = (sums: BucketSums, form: number): BucketSums => {
      if (form === 1) sums.bytes()
      return form === 2 ? BucketSums.from(sums.bytes()) : sums
    }
    const modelOf = (all: readonly Document[], kinds: boolean): Map<number, string> => {
      const textOf = (each: Document): string => {
        const { values, kinds: own } = documentDigests(each)
        return Buffer.concat([values, kinds && own ? own : Buffer.alloc(0)]).toString('hex')
      }
      const found = new Map<number, string[]>()
      for (const each of all) found.set(bucketOf(each._id), [...(found.get(bucketOf(each._id)) ?? []), textOf(each)].sort())
      return new Map([...found].map(([bucket, texts]) => [bucket, texts.join()]))
    }
    fc.assert(
      fc.property(held, held, fc.boolean(), (one, other, kinds) => {
        const [own, others] = [one, other].map(({ documents: some, many }) => [
          ...some.map(({ id, n }): Document => ({ _id: `x${id}`, n })),
          // More buckets than are kept as bytes.
          ...(many ? documents.slice(0, 1_500) : [])
        ])
        const [sums, otherSums] = [inForm(sumsOf(own!), one.form), inForm(sumsOf(others!), other.form)]
        const [model, otherModel] = [modelOf(own!, kinds), modelOf(others!, kinds)]
        const differ = [...new Set([...model.keys(), ...otherModel.keys()])].filter(bucket => model.get(bucket) !== otherModel.get(bucket))
        expect(sums.differing(otherSums, { kinds })).to.deep.equal(differ.sort((a, b) => a - b))
        const sum = new DigestSum()
        for (const each of own!) sum.add(each)
        expect(sums.total()).to.equal(sum.hex())
        const both = inForm(sums, other.form)
        both.merge(otherSums)
        expect([both.root(), both.count]).to.deep.equal([sumsOf([...own!, ...others!]).root(), own!.length + others!.length])
        expect(otherSums.root()).to.equal(sumsOf(others!).root())
      }),
      { numRuns: 60 }
    )
  })

  it('are not made of bytes that were cut, or whose buckets are not in order', () => {
    const bytes = sumsOf([...documents.slice(0, 20), { _id: 'n', n: new Double(1) }]).bytes()
    const ends = new Set([0])
    for (let length = 0; length <= bytes.length; length++) {
      try {
        const sums = BucketSums.from(bytes.subarray(0, length))
        ends.add(length)
        expect(sums.root()).to.equal(createHash('sha256').update(bytes.subarray(0, length)).digest('hex'))
      } catch (error) {
        expect(error).to.be.instanceOf(RangeError)
      }
    }
    expect(ends.size).to.equal(22)
    expect(() => BucketSums.from(Buffer.concat([bytes, bytes]))).to.throw(RangeError, 'the buckets are not in order')
  })

  it('of a bucket that holds nothing are those without it', () => {
    const bytes = Buffer.concat([Buffer.alloc(10), sumsOf([{ _id: 'a' }]).bytes()])
    expect(BucketSums.from(bytes).root()).to.equal(sumsOf([{ _id: 'a' }]).root())
  })

  it('are the same whenever somebody asked for their bytes in between', () => {
    const step = fc.oneof(
      fc.record({ of: fc.nat(3), add: fc.nat(3_000) }),
      fc.record({ of: fc.nat(3), addAll: fc.nat(3_000) }),
      fc.record({ of: fc.nat(3), merge: fc.nat(3) }),
      fc.record({ of: fc.nat(3), ask: fc.constant(true) })
    )
    const wordsOf = (digest: Uint8Array): Uint32Array => {
      const view = new DataView(digest.buffer, digest.byteOffset)
      return Uint32Array.from({ length: 8 }, (_, index) => view.getUint32(4 * index))
    }
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const sums = Array.from({ length: 4 }, () => new BucketSums())
        const held: Document[][] = sums.map(() => [])
        for (const each of steps) {
          const own = sums[each.of]!
          if ('ask' in each) own.bytes()
          else if ('merge' in each) {
            if (each.merge === each.of) continue
            own.merge(sums[each.merge]!)
            held[each.of]!.push(...held[each.merge]!)
          } else {
            const document: Document = { _id: `d${'add' in each ? each.add : each.addAll}`, n: 1 }
            held[each.of]!.push(document)
            if ('add' in each) own.add(document._id, documentDigests(document))
            else own.addAll(Int32Array.from(idHashes(document._id)), wordsOf(documentDigests(document).values))
          }
        }
        for (const [index, own] of sums.entries()) {
          const expected = sumsOf(held[index]!)
          expect(own.differing(expected, { kinds: true })).to.deep.equal([])
          expect(own.count).to.equal(expected.count)
          expect(own.base64()).to.equal(expected.base64())
          expect(BucketSums.from(own.bytes()).root()).to.equal(expected.root())
          expect(own.total()).to.equal(expected.total())
        }
      })
    )
  })

  it('of the same documents hold the same bytes, once they were asked for them', () => {
    const some = documents.slice(0, 100)
    const [one, other, another] = [sumsOf(some), sumsOf(some.toReversed()), sumsOf(some.slice(0, 99))]
    expect(one.bytes()).to.equal(other.bytes())
    another.bytes()
    one.add(some[0]!._id, documentDigests(some[0]!))
    expect(other.root()).to.equal(sumsOf(some).root())
    expect(another.root()).to.equal(sumsOf(some.slice(0, 99)).root())
    expect(one.root()).to.equal(sumsOf([...some, some[0]!]).root())
  })

  it('refuse bytes that are not theirs', () => {
    const bytes = whole.bytes()
    expect(() => BucketSums.from(bytes.subarray(1))).to.throw(RangeError)
    expect(() => BucketSums.from(Buffer.concat([bytes, bytes]))).to.throw(RangeError)
  })
})
