/** A receipt that is read collection by collection says what the same receipt says that is parsed whole. */
import { createHash } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import { readListed } from '../../lib/formats/listed-json.ts'
import { BucketSums } from '../../lib/values/bucket-sums.ts'
import { documentDigests, Double } from '../../lib/values/index.ts'
import { parseReceipt, receiptInPieces } from '../../lib/verify/read-receipt.ts'
import { formatReceipt, receiptList } from '../../lib/verify/receipt.ts'
import type { Receipt } from '../../lib/verify/receipt.ts'
import { edited, editsOf, inPieces, sizes } from '../support/read-in-pieces.ts'

function sumsOf(documents: number): BucketSums {
  const sums = new BucketSums()
  for (let n = 0; n < documents; n++) sums.add(`d${n}`, documentDigests({ _id: `d${n}`, n: n % 2 === 0 ? n : new Double(n) }))
  return sums
}

function receiptOf(names: readonly string[], documents: number, stages: readonly string[] = []): Receipt {
  const place = { provider: 'memory', address: 'a store', identity: 'a store' } as const
  const options = {
    onConflict: 'skip',
    onIncompatible: 'dead-letter',
    types: 'natural',
    includeDesign: false,
    keepMetadata: false
  } as const
  const collections = names.map((name, index) => ({
    source: name,
    target: `to ${name}`,
    counts: { read: documents, added: 0, written: documents, skipped: index % 2, filtered: 0, failed: 0 },
    wasEmpty: true,
    written: sumsOf(documents + index),
    skipped: sumsOf(index % 2)
  }))
  const times = { startedAt: '2026-11-22T10:15:00.000Z', finishedAt: '2026-11-22T10:16:00.000Z' }
  const ends = { source: place, target: place }
  return { runId: 'r', docferry: '0.1.0', ...times, ...ends, options: { ...options, stages }, kinds: true, collections }
}

const read = (text: string | Buffer, sizes: readonly number[]): Promise<Receipt | undefined> =>
  receiptInPieces(visitor => readListed(inPieces(text, sizes), receiptList, visitor))

/** What it says, sums and all; undefined where it is refused. */
function whole(text: string): string | undefined {
  try {
    return formatReceipt(parseReceipt(text, 'it'))
  } catch {
    return undefined
  }
}

describe('verify: receipts in pieces', () => {
  const name = fc.oneof(fc.string({ unit: 'binary', maxLength: 8 }), fc.constantFrom('__proto__', '7', '],\n "collections": [', '\\', '"'))

  it('say the same, whatever the pieces', async () => {
    const receipts = fc.tuple(fc.array(name, { minLength: 1, maxLength: 4 }), fc.nat(40), fc.array(name, { maxLength: 2 }), sizes)
    await fc.assert(
      fc.asyncProperty(receipts, async ([names, documents, stages, pieces]) => {
        const text = formatReceipt(receiptOf(names, documents, stages))
        const found = await read(text, pieces)
        expect(found && formatReceipt(found))
          .to.equal(whole(text))
          .and.to.equal(text)
        expect(found!.collections.map(({ written }) => written.count)).to.deep.equal(names.map((_, index) => documents + index))
      }),
      { numRuns: 60 }
    )
  })

  it('are taken for no more than they say when they are whole, however they were changed', async () => {
    const text = formatReceipt(receiptOf(['a', 'b', 'c'], 3))
    const edits = editsOf(text, [
      '\n',
      ' ',
      '}',
      '{',
      '\n  },',
      ',\n "collections": [\n',
      ' "checksum": "0",',
      '"__proto__": 1,',
      '\n ],',
      '0',
      '\ufeff',
      '\r'
    ])
    await fc.assert(
      fc.asyncProperty(edits, sizes, async (made, pieces) => {
        const other = edited(text, made)
        const found = await read(other, pieces)
        if (found) expect(formatReceipt(found)).to.equal(whole(other))
        if (other === text) expect(found).not.to.equal(undefined)
      }),
      { numRuns: 1_000 }
    )
  })

  it('are refused with a checksum that fits, where they do not hold what a receipt holds', async () => {
    const kept = JSON.parse(formatReceipt(receiptOf(['a'], 3))) as { checksum?: string; collections: object[] }
    delete kept.checksum
    const [collection] = kept.collections
    const form = (value: object): string => {
      const checksum = createHash('sha256').update(JSON.stringify(value)).digest('hex')
      return `${JSON.stringify({ ...value, checksum }, null, 1)}\n`
    }
    expect(await read(form(kept), [100])).not.to.equal(undefined)
    for (const change of [
      { collections: [{ ...collection, written: 'AAAA' }] },
      { collections: [{ ...collection, root: '0' }] },
      { collections: [{ ...collection, counts: null }] },
      { root: '0' },
      { docferryReceipt: 2 },
      { docferryReceipt: '1' },
      { options: {} },
      { source: 'here' }
    ]) {
      const text = form({ ...kept, ...change })
      expect(whole(text)).to.equal(undefined)
      expect(await read(text, [100]), text).to.equal(undefined)
    }
  })

  it('are refused cut anywhere', async () => {
    const bytes = Buffer.from(formatReceipt(receiptOf(['a', 'b'], 1)))
    for (let length = 0; length < bytes.length; length++) expect(await read(bytes.subarray(0, length), [1_000])).to.equal(undefined)
  })
})
