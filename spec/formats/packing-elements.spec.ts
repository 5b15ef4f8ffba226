/** Elements of JSON lists that are packed when their turn comes, held against stream-json alone. */
import { setImmediate } from 'node:timers/promises'
import { expect } from 'chai'
import fc from 'fast-check'
import { JsonElements } from '../../lib/formats/json-elements.ts'
import { packedJson } from '../../lib/formats/packing-elements.ts'
import { Packer } from '../../lib/work/packer.ts'
import {
  element,
  errorOf,
  expectSame,
  file,
  options,
  packing,
  partsOf,
  readAlone,
  spaced,
  spoiling,
  spoilt,
  textOf,
  told
} from '../support/json-files.ts'
import type { Options, Reading } from '../support/json-files.ts'

/** As a reader gives them: in places of the packer's, where there are any left. */
async function* placed(parts: Iterable<Buffer>, packer: Packer): AsyncGenerator<Buffer> {
  for (const part of parts) {
    const place = packer.take()
    if (place && part.length <= place.length) {
      part.copy(place)
      yield place.subarray(0, part.length)
    } else {
      if (place) packer.give(place)
      yield Buffer.from(part)
    }
    await setImmediate()
  }
}

/** @param separator what is told to stand between elements; missing where what has stood there is */
async function compare(packer: Packer, bytes: Buffer, options: Options, separator?: string): Promise<Reading> {
  const { text, sections } = textOf(options)
  const elements = new JsonElements(text, packing)
  const given = separator === undefined ? undefined : Buffer.from(separator)
  let error: Reading['error']
  try {
    for await (const piece of packedJson(placed(partsOf(bytes, options), packer), packer, () => given ?? elements.separator)) {
      elements.push(piece.bytes, piece.runs)
      // Whoever has lent the bytes uses them again.
      piece.bytes.fill(0)
    }
    elements.end()
  } catch (thrown) {
    error = errorOf(thrown)
  }
  const found = told(text, sections, error)
  expectSame(found, readAlone(bytes, options))
  return found
}

function freePlaces(packer: Packer): number {
  const places: Buffer[] = []
  for (let place = packer.take(); place; place = packer.take()) places.push(place)
  for (const place of places) packer.give(place)
  return places.length
}

/** Some of them stand inside of elements, and some nowhere. */
const separator = fc.constantFrom(undefined, undefined, '},{"_id"', '},{"', '},\n{\n"_id"', '}, {"_id"', '],[{"_id"')
const nested = '{"_id":"nested","list":[{"_id":"a"},{"_id":"b"},{"_id":"c","x":[{"_id":"d"},{"_id":"e"}]}],"text":"},{\\"_id\\":1},"}'

describe('formats: elements of JSON lists packed when their turn comes', function () {
  this.timeout(120_000)

  for (const threads of [0, 1]) {
    describe(`${threads} threads beside the main one`, () => {
      let packer: Packer
      before(async () => {
        packer = new Packer({ packing, threads, after: 0 })
        const bytes = Buffer.from('{"_id":"a"}\n'.repeat(10_000))
        for (let isAnswered = threads === 0; !isAnswered; await setImmediate()) {
          const packed = packer.pack([bytes])
          for (const each of await packed) if ('packed' in each) each.packed.discard()
          isAnswered = packed instanceof Promise
        }
      })
      after(async () => await packer.close())

      it('are the same as they stand, whatever is taken for the separator', async () => {
        await fc.assert(
          fc.asyncProperty(file, options, separator, async (text, how, between) => {
            await compare(packer, Buffer.from(text), how, between)
          }),
          { numRuns: 200 }
        )
      })

      it('are the same wherever the file is spoilt or cut', async () => {
        await fc.assert(
          fc.asyncProperty(file, options, separator, spoiling, async (text, how, between, where) => {
            await compare(packer, spoilt(text, where), how, between)
          }),
          { numRuns: 400, interruptAfterTimeLimit: 30_000 }
        )
      })

      it('are the same in files of many, of which some are no documents, or hold others', async () => {
        const some = fc.array(fc.oneof({ weight: 9, arbitrary: element }, fc.constant(nested)), { minLength: 1, maxLength: 6 })
        const filler = Array.from({ length: 40 }, (_, index) =>
          JSON.stringify({ _id: `${index}`, text: 'é"'.repeat(20 * index), n: [index / 7] })
        )
        await fc.assert(
          fc.asyncProperty(
            fc.array(some, { minLength: 2, maxLength: 5 }),
            fc.constantFrom('', '\n  '),
            fc.integer({ min: 70_000, max: 300_000 }),
            fc.constantFrom(
              undefined,
              undefined,
              { at: 500_000, length: 1, put: Buffer.from([0xff]) },
              { at: 400_000, length: 1, put: Buffer.from('{') }
            ),
            async (parts, space, size, where) => {
              const all = Array.from({ length: 8 }, (_, index) => [...filler, ...parts[index % parts.length]!, ...filler]).flat()
              const text = spaced(`{"data":{"a":[${all.join(',')}],"b":[${filler.join(',')}]}}`, space)
              await compare(packer, where ? spoilt(text, where) : Buffer.from(text), { size })
            }
          ),
          { numRuns: 25, interruptAfterTimeLimit: 40_000 }
        )
      })
    })
  }

  it('are packed in their places, which are free again when they were written', async () => {
    const packer = new Packer({ packing, threads: 0, after: 0 })
    const free = freePlaces(packer)
    const text = `[${Array.from({ length: 20_000 }, (_, index) => `{"_id":"${index}","n":[${index},{"_id":1}]}`).join(',\n')}]`
    const elements = new JsonElements(textOf({}).text, packing)
    let inPlace = 0
    for await (const { bytes, runs } of packedJson(
      placed(partsOf(Buffer.from(text), { size: 100_000 }), packer),
      packer,
      () => elements.separator
    )) {
      elements.push(bytes, runs)
      for (const { packed } of runs) {
        inPlace += packed.count
        packed.discard()
      }
    }
    elements.end()
    expect(inPlace).to.be.greaterThan(15_000)
    expect(freePlaces(packer)).to.equal(free)
    await packer.close()
  })

  it('that were packed in vain leave their place free', async () => {
    const packer = new Packer({ packing, threads: 0, after: 0 })
    const free = freePlaces(packer)
    const bytes = Buffer.from(`[[${'{"_id":"a"},'.repeat(100)}{"_id":"b"}]]`)
    const found = await compare(packer, bytes, {}, '},{"_id"')
    expect(found.packed).to.equal(0)
    expect(freePlaces(packer)).to.equal(free)
    await packer.close()
  })
})
