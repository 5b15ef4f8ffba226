import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { expect } from 'chai'
import fc from 'fast-check'
import { readBlocks } from '../../lib/connectors/file/read-blocks.ts'
import { LineSplitter } from '../../lib/formats/lines.ts'
import { piecesOfPacker } from '../../lib/formats/packing-lines.ts'
import { openKernel, openMemory, place } from '../../lib/kernel/instance.ts'
import { packLines } from '../../lib/kernel/kernel.ts'
import type { PackedLines, Packing, Stretch } from '../../lib/packed.ts'
import { packHere } from '../../lib/work/pack-here.ts'
import { PackThread } from '../../lib/work/pack-thread.ts'
import { Packer } from '../../lib/work/packer.ts'
import { Slots } from '../../lib/work/slots.ts'
import { oddLines } from '../support/compare-ways.ts'
import { simpleDocuments } from '../support/generator.ts'

const packing: Packing = { drop: ['_rev', '_attachments'], counted: '_attachments', special: true }

const lines = [
  ...[...simpleDocuments({ seed: 8, count: 300, bytes: 900 })].map(document => JSON.stringify(document)),
  ...oddLines,
  '{"_id":"thread","_rev":"1-a","_attachments":{"a":{},"b":{}},"z":0.9113690123456789,"a":{"b":1,"a":"é"}}',
  '{"_id":"kinds","z":[1.0,-0],"a":{"b":12345678901234567890,"a":5.0}}',
  '{"_id":"envelopes","z":[{"$date":"2026-01-01T00:00:00Z"},{"$geoPoint":[1,2]}],"a":{"$vector":[0.9113690123456789]}}'
]

/** Large enough to be sent to a thread. */
const block = fc
  .array(fc.nat(lines.length - 1), { minLength: 100, maxLength: 300 })
  .map(indexes => Buffer.from(indexes.map(index => `${lines[index]!}\n`).join('')))
  .filter(({ length }) => length < 1_000_000)

/** Comparable: what is in a memory that is used again is read out of it. */
function told(stretches: readonly Stretch[]): unknown[] {
  return stretches.map(stretch => {
    if (!('packed' in stretch)) return stretch
    const { text, count, digests, kinds, idHashes, dropped, members, enveloped } = stretch.packed
    const { bytes } = stretch
    const ofKinds = { of: [...(kinds?.of ?? [])], digests: [...(kinds?.digests ?? [])] }
    return {
      bytes,
      text: text.toString(),
      count,
      digests: [...digests],
      kinds: ofKinds,
      idHashes: [...idHashes],
      dropped,
      members,
      enveloped
    }
  })
}

function release(stretches: readonly Stretch[]): void {
  for (const stretch of stretches) if ('packed' in stretch) stretch.packed.discard()
}

/** Until a thread takes blocks. */
async function started(packer: Packer): Promise<void> {
  const [line] = lines
  const bytes = Buffer.from(`${line!}\n`.repeat(100))
  for (;;) {
    const stretches = packer.pack([bytes])
    release(await stretches)
    if (stretches instanceof Promise) return
    await setImmediate()
  }
}

function freePlaces(packer: Packer): number {
  const places: Buffer[] = []
  for (let place = packer.take(); place; place = packer.take()) places.push(place)
  for (const place of places) packer.give(place)
  return places.length
}

for (const threads of [0, 1, 2]) {
  describe(`packing blocks of lines, ${threads} threads beside the main one`, function () {
    this.timeout(60_000)
    let packer: Packer
    before(async () => {
      packer = new Packer({ packing, threads, after: 0 })
      if (threads > 0) await started(packer)
    })
    after(async () => await packer.close())

    it('gives what the kernel gives, of blocks one after the other and at once', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(block, { minLength: 1, maxLength: 6 }), async blocks => {
          const answers = blocks.map(each => packer.pack([each]))
          for (const [index, answer] of answers.entries()) {
            const stretches = await answer
            expect(told(stretches)).to.deep.equal(told(packLines([blocks[index]!], packing)))
            release(stretches)
          }
        }),
        { numRuns: 40 }
      )
    })

    it('takes parts of a block as one', async () => {
      const [first, second] = [Buffer.from(`${lines[0]!}\n`.repeat(60)), Buffer.from(`${lines[1]!}\n`.repeat(60))]
      const stretches = await packer.pack([first, second])
      expect(told(stretches)).to.deep.equal(told(packLines([first, second], packing)))
      release(stretches)
    })

    it('lends the text of a block that no place has room for, too', async () => {
      const large = Array.from({ length: 3 }, (_, index) => Buffer.from(`{"_id":"${index}","text":"${'x'.repeat(300_000)}"}\n`))
      for (let times = 0; times < 20; times++) {
        const stretches = await packer.pack(large)
        expect(told(stretches)).to.deep.equal(told(packLines(large, packing)))
        expect(stretches.map(stretch => (stretch as PackedLines).packed.release)).to.satisfy((each: unknown[]) => each.every(Boolean))
        release(stretches)
      }
    })

    it('reads a file into its places, and gives its lines whole and in their order', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'docferry-packer-'))
      try {
        const path = join(folder, 'lines')
        const long = JSON.stringify({ _id: 'long', text: 'x'.repeat(80_000) })
        const all = Array.from({ length: 3_000 }, (_, index) => (index % 400 === 7 ? long : lines[(index * 7) % lines.length]!))
        await writeFile(path, `${all.join('\n')}\nno end`)
        const file = await readFile(path)
        const free = freePlaces(packer)
        for (const start of [0, file.indexOf(10) + 1]) {
          const splitter = new LineSplitter()
          let found = ''
          for await (const pieces of piecesOfPacker(readBlocks(path, { start, packer, isLines: true }), splitter, packer)) {
            for (const piece of pieces) {
              if ('packed' in piece) {
                const raw = Buffer.concat(piece.raw)
                splitter.skip(piece.packed.count, raw.length)
                found += raw.toString()
                piece.packed.discard()
              } else found += piece.bytes.toString() + (piece.complete ? '\n' : '')
            }
          }
          const [got, wanted] = [found, file.toString('utf8', start)].map(text => text.replaceAll('\r\n', '\n'))
          expect(got === wanted, `${got!.length} of ${wanted!.length}`).to.equal(true)
          expect(freePlaces(packer)).to.equal(free)
        }
      } finally {
        await rm(folder, { recursive: true })
      }
    })

    it('uses a place again once it was given back, its text was written, and its documents were counted', async () => {
      const bytes = Buffer.from(`${lines[0]!}\n`.repeat(100))
      const place = packer.take()!
      bytes.copy(place)
      const stretches = await packer.pack([place.subarray(0, bytes.length)])
      const others: Buffer[] = []
      const takeAll = (): void => {
        for (let other = packer.take(); other; other = packer.take()) others.push(other)
      }
      takeAll()
      packer.give(place)
      takeAll()
      expect(others).not.to.include(place)
      expect(told(stretches)).to.deep.equal(told(packLines([bytes], packing)))
      const all = stretches.flatMap(stretch => ('packed' in stretch ? [stretch.packed] : []))
      for (const packed of [...all, ...all]) packed.release!()
      takeAll()
      expect(others).not.to.include(place)
      // The text may be gone.
      const known = (from: readonly Stretch[]): unknown[] => told(from).map(each => ({ ...(each as object), text: undefined }))
      expect(known(stretches)).to.deep.equal(known(packLines([bytes], packing)))
      release(stretches)
      release(stretches)
      takeAll()
      expect(others.filter(other => other === place)).to.have.length(1)
      expect(told(await packer.pack([bytes]))).to.deep.equal(told(packLines([bytes], packing)))
      for (const other of others) packer.give(other)
    })

    it('tells nothing of documents whose digests were given back', async () => {
      const bytes = Buffer.from(`${lines[0]!}\n`.repeat(100))
      const [stretch] = await packer.pack([bytes])
      const { packed } = stretch as PackedLines
      packed.counted()
      for (const ask of [() => packed.digests, () => packed.idHashes, () => packed.parts()]) expect(ask).to.throw(/given back/)
      packed.discard()
    })

    it('takes more documents than a place has columns for', async () => {
      const ids = (from: number, to: number): string =>
        Array.from({ length: to - from }, (_, index) => `{"_id":"${from + index}"}\n`).join('')
      const free = freePlaces(packer)
      for (const text of [
        ids(0, 25_000),
        ids(0, 6_144),
        ids(0, 6_145),
        // Behind what the plain way looks at, others are put together.
        `${ids(0, 3_000)}no JSON\n${ids(3_000, 6_000)}no JSON\n${ids(6_000, 6_300)}no JSON\n${ids(7_000, 20_000)}`
      ]) {
        const stretches = await packer.pack([Buffer.from(text)])
        expect(told(stretches)).to.deep.equal(told(packLines([Buffer.from(text)], packing)))
        release(stretches)
      }
      expect(freePlaces(packer)).to.equal(free)
    })
  })
}

describe('Packer', () => {
  it('begins its threads at once where much is to come', async () => {
    const bytes = Buffer.from(`${lines[0]!}\n`.repeat(100))
    for (const [expected, isBegun] of [
      [1_000_000, false],
      [100_000_000, true]
    ] as const) {
      const packer = new Packer({ packing, threads: 1, after: 1 << 30 })
      packer.expect(expected)
      release(await packer.pack([bytes]))
      expect(packer.atOnce > 1).to.equal(isBegun)
      await packer.close()
    }
  })

  it('does without a thread that fails, and tells why', async () => {
    // An array to whoever is here: a copy is a mere object, of which the thread's kernel can make nothing.
    const drop = Object.setPrototypeOf({ 0: '_rev', length: 1 }, Array.prototype) as string[]
    const packer = new Packer({ packing: { drop }, threads: 1, after: 0 })
    const bytes = Buffer.from(`${lines[0]!}\n`.repeat(100))
    try {
      expect(packer.notes()).to.deep.equal([])
      while (packer.notes().length === 0) {
        const stretches = await packer.pack([bytes])
        expect(told(stretches)).to.deep.equal(told(packLines([bytes], { drop: ['_rev'] })))
        release(stretches)
        await setImmediate()
      }
      expect(packer.notes()).to.have.length(1)
      expect(packer.notes()[0]).to.match(/^a worker thread failed, and what it had to do was done without it: .+/)
      expect(packer.pack([bytes])).not.to.be.instanceOf(Promise)
    } finally {
      await packer.close()
    }
  })
})

describe('PackThread', () => {
  it('leaves its blocks to the main thread where it fails', async () => {
    const memory = openMemory(place.end + Slots.bytes)
    const kernel = openKernel(memory)
    const slot = new Slots(kernel.memory, place.end, 1).take()!
    const bytes = Buffer.from(
      lines
        .map(line => `${line}\n`)
        .join('')
        .slice(0, 100_000)
        .replace(/[^\n]*$/, '')
    )
    bytes.copy(slot.input)
    // A part that the memory does not have.
    const thread = new PackThread(kernel.memory, { memory, part: 100, packing, packHere: task => packHere(kernel, task, packing) })
    try {
      while (!thread.hasRoom) await setImmediate()
      const task = { block: { from: slot.input.byteOffset, length: bytes.length }, text: slot.text, columns: slot.columns }
      const answers = [thread.pack(task), thread.pack(task)]
      for (const answer of answers) expect(told(await answer)).to.deep.equal(told(packLines([bytes], packing)))
      expect(thread.hasRoom).to.equal(false)
      expect(thread.failure).to.be.a('string').that.is.not.empty
    } finally {
      await thread.close()
    }
  })
})
