import { setImmediate } from 'node:timers/promises'
import { expect } from 'chai'
import fc from 'fast-check'
import { LineSplitter } from '../../lib/formats/lines.ts'
import { packedPieces, workedPieces } from '../../lib/formats/packing-lines.ts'
import type { Pieces } from '../../lib/formats/packing-lines.ts'
import { packLines } from '../../lib/kernel/kernel.ts'
import type { LineWorker } from '../../lib/packed.ts'

const packing = { drop: [] }

/** Answers later blocks first. */
const worker: LineWorker = {
  atOnce: 3,
  work: async block => {
    const bytes = Buffer.from(block)
    for (let turns = bytes.length % 3; turns > 0; turns--) await Promise.resolve()
    return packLines([bytes], packing)
  }
}

type Way = (chunks: AsyncIterable<Buffer>, splitter: LineSplitter) => AsyncIterable<Pieces>

const place = { collection: 'a', digests: true }
const ways: Readonly<Record<string, Way>> = {
  packed: (chunks, splitter) => packedPieces(lent(chunks), splitter, packing),
  worked: (chunks, splitter) => workedPieces(lent(chunks), splitter, { worker, placeOf: () => place })
}

// eslint-disable-next-line @typescript-eslint/require-await
async function* chunksOf(bytes: Buffer, size: number): AsyncGenerator<Buffer, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

/** Each chunk is spoilt when the next is asked for. */
async function* lent(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  for await (const chunk of chunks) {
    const copy = Buffer.from(chunk)
    yield copy
    copy.fill(0x7b)
  }
}

interface Found {
  /** Each told by its number and its beginning. */
  readonly lines: readonly string[]
  readonly packed: number
  readonly end: number
}

/** What comes out, in its order. */
async function split(way: Way, text: string, size: number): Promise<Found> {
  const splitter = new LineSplitter()
  const lines: string[] = []
  let [packed, end, next] = [0, 0, 1]
  for await (const pieces of way(chunksOf(Buffer.from(text), size), splitter)) {
    for (const piece of pieces) {
      if ('packed' in piece) {
        const raw = Buffer.concat(piece.raw)
        for (const line of raw.toString().slice(0, -1).split('\n')) lines.push(`${next++} ${line}`)
        packed += piece.packed.count
        end = splitter.skip(piece.packed.count, raw.length).end
      } else {
        lines.push(`${piece.number} ${piece.bytes.toString()}`)
        next = piece.number + 1
        end = piece.end
      }
    }
  }
  return { lines, packed, end }
}

function numbered(text: string): string[] {
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines.map((line, index) => `${index + 1} ${line}`)
}

for (const [name, way] of Object.entries(ways)) {
  describe(`formats: lines of which most are ${name}`, () => {
    const line = fc.oneof(
      { weight: 3, arbitrary: fc.string({ maxLength: 40 }).map(_id => JSON.stringify({ _id: `a${_id}` })) },
      fc.constantFrom('', ' ', '{"_id":"a","n":1.0}', 'no JSON', '{"_id":"é😀"}', '{"$collection":"b"}')
    )

    it('come whole, numbered and in their order, in chunks of every size', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(line, { maxLength: 20 }), fc.integer({ min: 1, max: 200 }), fc.boolean(), async (all, size, isEnded) => {
          const text = all.join('\n') + (isEnded ? '\n' : '')
          const { lines, end } = await split(way, text, size)
          expect(lines).to.deep.equal(numbered(text))
          expect(end).to.equal(Buffer.byteLength(text))
        })
      )
    })

    it('may be longer than a block, alone or between others', async () => {
      const long = (length: number): string => JSON.stringify({ _id: 'long', text: 'x'.repeat(length) })
      const text = [long(10), long(1_200_000), long(700_000), long(10), long(400_000), long(300_000), long(2_500_000), long(10)].join('\n')
      for (const size of [64 << 10, 256 << 10, 900_000, 1 << 24]) {
        const { lines, packed } = await split(way, text, size)
        expect(lines.map(each => each.length)).to.deep.equal(numbered(text).map(each => each.length))
        expect(packed).to.be.at.least(2)
      }
    })
  })
}

describe('formats: lines that are worked on', () => {
  it('lie as they are until whoever works on them has answered, also where they turn out to be of another collection', async () => {
    const [first, second] = ['a', 'b'].map(collection => ({ collection, digests: true }))
    let now = first
    const changed: string[] = []
    let answered = 0
    const slow: LineWorker = {
      atOnce: 3,
      async work(block, { collection }) {
        const before = Buffer.from(block)
        for (let turns = collection === 'a' ? 20 : 0; turns > 0; turns--) await setImmediate()
        if (!before.equals(block)) changed.push(before.toString())
        answered++
        return packLines([before], packing)
      }
    }
    const text = Array.from({ length: 100 }, (_, index) => `${JSON.stringify({ _id: `a${1000 + index}` })}\n`).join('')
    const seen: string[] = []
    const splitter = new LineSplitter()
    for await (const pieces of workedPieces(chunksOf(Buffer.from(text), 160), splitter, { worker: slow, placeOf: () => now })) {
      for (const piece of pieces) {
        if ('packed' in piece) splitter.skip(piece.packed.count, Buffer.concat(piece.raw).length)
        seen.push('packed' in piece ? Buffer.concat(piece.raw).toString() : `${piece.bytes.toString()}\n`)
        if (seen.length === 2) now = second
      }
    }
    expect(seen.join('')).to.equal(text)
    expect(answered).to.be.above(text.length / 160)
    expect(changed).to.deep.equal([])
  })
})
