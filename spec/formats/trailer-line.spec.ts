import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import fc from 'fast-check'
import { parseControl } from '../../lib/formats/document-line.ts'
import type { Summary } from '../../lib/formats/document-line.ts'
import { LineSplitter } from '../../lib/formats/lines.ts'
import { readSummary, readTail } from '../../lib/formats/tail.ts'
import { TrailerLine } from '../../lib/formats/trailer-line.ts'
import { trailerPieces } from '../../lib/formats/trailer-text.ts'
import { BucketSums } from '../../lib/values/bucket-sums.ts'
import { documentDigests, parseJson } from '../../lib/values/index.ts'

function sumsOf(count: number, start = 0): BucketSums {
  const sums = new BucketSums()
  for (let index = start; index < start + count; index++) sums.add(`d${index}`, documentDigests({ _id: `d${index}`, n: index % 3 }))
  return sums
}

const kept = Array.from({ length: 5 }, (_, count) => sumsOf(3 * count, count))

const name = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.constantFrom('agents', '7', '10', '__proto__', '$date', '$numberLong', 'a"b', 'a\\', '', 'é', '$')
)
const stated = fc
  .uniqueArray(fc.record({ name, count: fc.nat(), which: fc.nat(4), hasSums: fc.boolean() }), { selector: each => each.name, maxLength: 6 })
  .map(all => all.map(each => ({ name: each.name, count: each.count, digest: () => kept[each.which]!.total(), sums: kept[each.which]! })))
const line = fc.tuple(stated, fc.boolean(), fc.boolean()).map(([all, hasDigests, hasSums]) => {
  const some = all.map(({ digest, sums, ...rest }) => ({ ...rest, ...(hasDigests && { digest, ...(hasSums && { sums }) }) }))
  return { some, text: [...trailerPieces(some)].join('') }
})

/** What is written where it should not be. */
const change = fc.oneof(
  fc.record({
    at: fc.nat(),
    cut: fc.nat(3),
    put: fc.constantFrom('', ' ', '"', '\\', '{', '}', ',', 'x', '0', '-', '1e3', 'é', '\r', '=', '"a":1,', 'null')
  }),
  fc.constant(undefined)
)

function changed(text: string, how: { readonly at: number; readonly cut: number; readonly put: string } | undefined): Buffer {
  if (!how) return Buffer.from(text)
  const at = how.at % text.length
  return Buffer.from(`${text.slice(0, at)}${how.put}${text.slice(at + how.cut)}`)
}

function piecesOf(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = []
  for (let from = 0, index = 0; from < bytes.length; index++) {
    const size = sizes[index % sizes.length]!
    pieces.push(Buffer.from(bytes.subarray(from, from + size)))
    from += size
  }
  return pieces
}

const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 3000 })), { minLength: 1, maxLength: 5 })

/** As text, whatever holds it. */
function inText(summary: Summary | undefined): unknown {
  if (!summary?.receipt) return summary
  const receipt = Object.entries(summary.receipt).map(([each, sums]) => [each, Buffer.isBuffer(sums) ? sums.toString('base64') : sums])
  return { ...summary, receipt: Object.fromEntries(receipt) as unknown }
}

function plainly(text: Buffer): Summary | undefined {
  try {
    const control = parseControl(parseJson(text.toString()))
    return control && 'end' in control ? control.end : undefined
  } catch {
    return undefined
  }
}

describe('formats: trailer line', () => {
  it('is written as JSON.stringify writes all of it', () => {
    fc.assert(
      fc.property(line, ({ some, text }) => {
        const of = (value: (each: (typeof some)[number]) => unknown): unknown =>
          Object.fromEntries(some.map(each => [each.name, value(each)]))
        const hasSums = some.some(each => each.sums)
        const digest = Object.fromEntries(some.flatMap(each => (each.digest ? [[each.name, each.digest()]] : [])))
        const receipts = hasSums && { receipt: of(each => each.sums!.base64()), root: of(each => each.sums!.root()) }
        // Books give names in the order of a map; here they come in any.
        expect(JSON.parse(text)).to.deep.equal({ $end: { counts: of(each => each.count), digest, ...receipts } })
        expect(text.endsWith('}\n') && !text.slice(0, -1).includes('\n')).to.equal(true)
      })
    )
  })

  it('says what the line says that is read as a whole, whole or changed, in pieces of any size, or gives it back', () => {
    let read = 0
    fc.assert(
      fc.property(line, change, sizes, fc.boolean(), ({ text }, how, some, holds) => {
        const bytes = changed(text.trimEnd(), how)
        const reading = new TrailerLine(holds ? { sumsOf: () => kept[2]!.bytes() } : {})
        let given = Buffer.alloc(0)
        for (const piece of piecesOf(bytes, some)) {
          given = Buffer.concat([given, piece])
          const isTaken = reading.push(piece)
          expect(Buffer.concat([...reading.text()]).equals(given)).to.equal(true)
          piece.fill(0)
          if (!isTaken) return
        }
        if (!reading.end()) return
        read++
        expect(inText(reading.summary())).to.deep.equal(plainly(bytes))
      }),
      { numRuns: 1000 }
    )
    expect(read).to.be.greaterThan(100)
  })

  it('leaves the lines of a text as they are without it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(line, change), { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        sizes,
        fc.boolean(),
        (all, isCut, some, isShort) => {
          const whole = Buffer.concat(all.flatMap(([{ text }, how]) => [Buffer.from('{"_id":"a"}\n'), changed(text, how)]))
          const bytes = isCut ? whole.subarray(0, -2) : whole
          const lines = (readerOf?: () => TrailerLine): unknown[] => {
            const splitter = new LineSplitter({ readerOf, ...(isShort && { maxBytes: 300 }) })
            const found = piecesOf(bytes, some).flatMap(piece => splitter.push(piece))
            const last = splitter.end()
            return [...found, ...(last ? [last] : [])].map(({ bytes: own, reading, tooLong, ...place }) => {
              if (!(reading instanceof TrailerLine))
                return { ...place, tooLong, summary: tooLong ? undefined : plainly(own), text: tooLong ? '' : own.toString() }
              const text = Buffer.concat([...reading.text()]).toString()
              return { ...place, tooLong, summary: inText(reading.summary()), text }
            })
          }
          const plain = lines()
          const read = lines(() => new TrailerLine())
          if (!isShort) expect(read).to.deep.equal(plain)
          // A line that is read may be longer than one that is kept.
          const places = (found: unknown[]): unknown =>
            (found as { offset: number; end: number; number: number }[]).map(each => [each.number, each.offset, each.end])
          expect(places(read)).to.deep.equal(places(plain))
        }
      ),
      { numRuns: 300 }
    )
  })

  it('gives sums that somebody holds as those', () => {
    const text = [...trailerPieces([{ name: 'a', count: 1, digest: () => kept[1]!.total(), sums: kept[1]! }])].join('')
    const bytes = Buffer.from(kept[1]!.bytes())
    const reading = new TrailerLine({ sumsOf: () => bytes })
    expect(reading.push(Buffer.from(text.trimEnd())) && reading.end()).to.equal(true)
    expect(reading.summary().receipt!['a']).to.equal(bytes)
  })

  describe('at the end of a file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'docferry-trailer-'))
    const path = join(folder, 'a.ndjson')
    const many = Array.from({ length: 600 }, (_, index) => {
      const sums = sumsOf(20, 20 * index)
      return { name: `collection-${index}`, count: 20, digest: () => sums.total(), sums }
    })
    const trailer = [...trailerPieces(many)].join('')
    const documents = Array.from({ length: 4000 }, (_, index) => `{"_id":"d${index}","x":"${(index * 7919).toString(36)}"}\n`).join('')

    after(() => rmSync(folder, { recursive: true }))

    function read(bytes: Buffer, gzip: boolean): Promise<Summary | undefined> {
      writeFileSync(path, bytes)
      return readSummary(path, { size: bytes.length, gzip })
    }

    it('is found where it is long', async () => {
      const expected = plainly(Buffer.from(trailer))
      expect(trailer.length).to.be.greaterThan(3 * (256 << 10))
      expect(inText(await read(Buffer.from(documents + trailer), false))).to.deep.equal(expected)
      const compressed = Buffer.concat([gzipSync(documents), gzipSync(trailer)])
      expect(inText(await read(compressed, true))).to.deep.equal(expected)
      expect(inText(await read(gzipSync(documents + trailer), true)), 'compressed as one piece').to.deep.equal(expected)
      const foreign = trailer.replaceAll('":', '": ')
      expect(inText(await read(Buffer.from(documents + foreign), false)), 'in another form').to.deep.equal(expected)
      expect(inText(readTail(Buffer.from(trailer), { gzip: false }))).to.deep.equal(expected)
    })

    it('is not found where it is cut or followed by something', async () => {
      for (const text of [
        trailer.slice(0, -1),
        trailer.slice(0, -2) + '\n',
        trailer.slice(0, 500_000),
        `${trailer}{"_id":"a"}\n`,
        `${trailer}\n`
      ]) {
        expect(await read(Buffer.from(documents + text), false)).to.equal(undefined)
        expect(await read(Buffer.concat([gzipSync(documents), gzipSync(text)]), true)).to.equal(undefined)
        expect(await read(Buffer.concat([gzipSync(documents), gzipSync(text)]).subarray(0, -9), true)).to.equal(undefined)
      }
    })
  })
})
