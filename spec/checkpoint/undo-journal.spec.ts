import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { expect } from 'chai'
import fc from 'fast-check'
import { createdBytes, createdLines, createdRoom, entryLine, notMadeLines, parseEntry } from '../../lib/checkpoint/undo-entry.ts'
import type { UndoEntry } from '../../lib/checkpoint/undo-entry.ts'
import { openUndoEntries, UndoJournal } from '../../lib/checkpoint/undo-journal.ts'
import { digestAt, Double, markOf, markOfDigests } from '../../lib/values/index.ts'
import type { Document } from '../../lib/values/index.ts'
import { holdSyncs } from '../support/held-syncs.ts'

const told = { kinds: true }
const mark = markOf({ _id: 'x', one: new Double(1) }, told)
const line = (id: string, before?: Document): string =>
  entryLine('agents', id, mark, before && { document: before, mark: markOf(before, told) })

describe('undo journal', () => {
  let folder: string
  let path: string
  const journals: UndoJournal[] = []
  const journal = (): UndoJournal => {
    const made = new UndoJournal(path)
    journals.push(made)
    return made
  }
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'docferry-undo-'))
    path = join(folder, 'undo.ndjson')
  })
  afterEach(async () => {
    for (const each of journals.splice(0)) await each.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const read = async (): Promise<UndoEntry[]> => {
    const entries = await openUndoEntries(path)
    const found: UndoEntry[] = []
    try {
      for await (const { entry } of entries?.read() ?? []) found.push(entry)
    } finally {
      await entries?.close()
    }
    return found
  }

  it('gives the entries back, the newest first, with odd names and long lines', async () => {
    const ids = ['a', 'ü "quoted" \\ back', 'line\nbreak', '😀', '\ud800 half', 'z'.repeat(400_000)]
    const kept = journal()
    for (const id of ids) await kept.append(line(id, { _id: id, text: 'é'.repeat(200_000) }))
    const found = await read()
    expect(found.map(({ id }) => id)).to.deep.equal(ids.toReversed())
    expect(found[0]!.before!.document).to.deep.equal({ _id: ids.at(-1), text: 'é'.repeat(200_000) })
  })

  it('comes to be with the first entry, readable by its owner only', async () => {
    const kept = journal()
    await kept.sync()
    expect(await read()).to.deep.equal([])
    expect(await openUndoEntries(path)).to.equal(undefined)
    await kept.append(line('a'))
    expect(statSync(path).mode & 0o777).to.equal(0o600)
  })

  it('keeps every entry of appends at the same time', async () => {
    const kept = journal()
    await Promise.all(Array.from({ length: 200 }, (_, index) => kept.append(line(`d${index}`), { durable: index % 7 === 0 })))
    expect((await read()).map(({ id }) => id)).to.deep.equal(Array.from({ length: 200 }, (_, index) => `d${199 - index}`))
  })

  it('leaves out a last line that is cut off', async () => {
    await journal().append(line('a') + line('b'))
    appendFileSync(path, line('c').slice(0, -5))
    expect((await read()).map(({ id }) => id)).to.deep.equal(['b', 'a'])
  })

  it('goes on behind the last whole line', async () => {
    for (const torn of [line('c').slice(0, -5), 'x'.repeat(600_000)]) {
      rmSync(path, { force: true })
      await journal().append(line('a'))
      appendFileSync(path, torn)
      await journal().append(line('d'))
      expect((await read()).map(({ id }) => id)).to.deep.equal(['d', 'a'])
    }
  })

  it('names a line that is damaged', async () => {
    await journal().append(line('a') + line('b', { _id: 'b', price: 12 }) + line('c'))
    writeFileSync(path, readFileSync(path, 'utf8').replace('"price":12', '"price":13'))
    const error = await read().then(
      () => undefined,
      (thrown: unknown) => thrown
    )
    expect(error).to.include({ code: 'DOCFERRY_STATE' })
    expect((error as Error).message).to.include(`${path} can't be used: line 2`)
  })

  it('fails where it cannot be written', async () => {
    path = join(folder, 'missing', 'undo.ndjson')
    const error = await journal()
      .append(line('a'))
      .catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'DOCFERRY_STATE' })
    expect((error as Error).message).to.include(path)
  })

  it('takes entries while the disk is busy with those before', async () => {
    const kept = journal()
    await kept.append(line('a'))
    const disk = await holdSyncs(path)
    try {
      const synced = kept.sync()
      await disk.reached
      await kept.append(line('b'))
      expect((await read()).map(({ id }) => id)).to.deep.equal(['b', 'a'])
      expect(await Promise.race([synced, kept.append(line('c'), { durable: true }), setImmediate('under way')])).to.equal('under way')
      disk.goOn()
      await synced
    } finally {
      disk.restore()
    }
  })

  it('is on disk only with all that was appended before it was asked', async () => {
    const kept = journal()
    await kept.append(line('a'))
    const disk = await holdSyncs(path)
    try {
      const first = kept.sync()
      await disk.reached
      await kept.append(line('b'))
      const second = kept.sync()
      await setImmediate()
      expect(disk.count).to.equal(1)
      disk.goOn()
      await Promise.all([first, second])
      expect(disk.count).to.equal(2)
      await kept.sync()
      expect(disk.count).to.equal(2)
    } finally {
      disk.restore()
    }
  })

  it('fails once and for all where the disk did not take something', async () => {
    const kept = journal()
    await kept.append(line('a'))
    const disk = await holdSyncs(path)
    let failure: unknown
    try {
      disk.fail(new Error('input/output error'))
      failure = await kept.sync().catch((thrown: unknown) => thrown)
    } finally {
      disk.restore()
    }
    expect(failure).to.include({ code: 'DOCFERRY_STATE' })
    expect((failure as Error).message).to.include('input/output error')
    for (const next of [() => kept.sync(), () => kept.append(line('b')), () => kept.append(line('c'), { durable: true })])
      expect(await next().catch((thrown: unknown) => thrown)).to.equal(failure)
    expect((await read()).map(({ id }) => id)).to.deep.equal(['a'])
  })

  it('leaves out an entry that was cancelled, and none before it', async () => {
    const odd = 'ü "quoted" \\ \ud800'
    await journal().append(line('a') + line(odd) + notMadeLines('agents', [odd]) + line(odd) + line('b') + notMadeLines('agents', [odd]))
    await journal().append(line(odd) + line(odd) + notMadeLines('agents', [odd, odd]))
    await journal().append(notMadeLines('tickets', ['a']))
    expect((await read()).map(({ id }) => id)).to.deep.equal(['b', 'a'])
    await journal().append(line(odd))
    expect((await read()).map(({ id }) => id)).to.deep.equal([odd, 'b', 'a'])
  })

  it('takes nothing else for an entry', () => {
    for (const text of ['', '{}', '[]', 'x', line('a').slice(1, -1), line('a').replace(mark.values, 'short').trimEnd()])
      expect(parseEntry(text), text).to.equal(undefined)
    const whole = line('a', { _id: 'a', one: new Double(1) }).trimEnd()
    expect(parseEntry(whole)).to.not.equal(undefined)
    expect(parseEntry(whole.replace('"one":1.0', '"one":1'))).to.equal(undefined)
  })

  it('reads what an older docferry has kept, without the kinds of numbers', () => {
    const before: Document = { _id: 'a', one: new Double(1) }
    const [after, was] = [markOf({ _id: 'a' }, { kinds: false }), markOf(before, { kinds: false })]
    const old = `{"in":"agents","id":"a","after":"${after.values}","was":"${was.values}","before":{"_id":"a","one":1.0}}`
    expect(parseEntry(old)).to.deep.equal({ collection: 'agents', id: 'a', after, before: { document: before, mark: was } })
    expect(`${old}\n`).to.equal(entryLine('agents', 'a', after, { document: before, mark: was }))
  })

  it('has the same entries of documents that were made, however many are kept at once', () => {
    const digest = fc.uint8Array({ minLength: 32, maxLength: 32 })
    const made = fc.record({ id: fc.string({ unit: 'binary' }), values: digest, kinds: fc.option(digest, { nil: undefined }) })
    fc.assert(
      fc.property(fc.string(), fc.array(made), fc.boolean(), (collection, entries, kinds) => {
        const marks = entries.map(each => markOfDigests(each, { kinds }))
        const lines = entries.map(({ id }, at) => entryLine(collection, id, marks[at]!))
        expect(
          createdLines(
            collection,
            entries.map(({ id }) => id),
            marks
          )
        ).to.equal(lines.join(''))
      })
    )
  })

  it('has the same entries of documents that came packed', () => {
    const word = fc.integer({ min: 0, max: 0xffffffff })
    const made = fc.record({ id: fc.string({ unit: 'binary' }), words: fc.array(word, { minLength: 8, maxLength: 8 }) })
    fc.assert(
      fc.property(fc.string(), fc.array(made), fc.boolean(), (collection, entries, kinds) => {
        const digests = Uint32Array.from(entries.flatMap(({ words }) => words))
        const packed = entries.map(({ id }, at) => ({ encoded: { id }, packed: { digests }, at }))
        const bytes = createdBytes(collection, packed, kinds, Buffer.alloc(createdRoom(collection, packed, kinds)))
        const marks = entries.map((_, at) => markOfDigests({ values: digestAt(digests, at) }, { kinds }))
        const ids = entries.map(({ id }) => id)
        expect(bytes.toString()).to.equal(Buffer.from(createdLines(collection, ids, marks)).toString())
      })
    )
  })

  it('has marks of the first bits of a digest, wherever its bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), fc.nat(32), (bytes, from) => {
        const values = bytes.subarray(from, from + 32)
        const expected = Buffer.from(values).toString('base64url').slice(0, 22)
        expect(markOfDigests({ values }, { kinds: false }).values).to.equal(expected)
        expect(markOfDigests({ values: Buffer.from(values) }, { kinds: false }).values).to.equal(expected)
      })
    )
  })
})
