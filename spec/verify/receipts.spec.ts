/** A target against what a run has written, without its source or before it. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { listRuns } from '../../lib/checkpoint/run-folder.ts'
import { DocferryError } from '../../lib/errors.ts'
import type { MigrateOptions } from '../../lib/options.ts'
import { migrate } from '../../lib/run.ts'
import type { RunReport } from '../../lib/report.ts'
import type { Document } from '../../lib/types.ts'
import { documentDigests, Double } from '../../lib/values/index.ts'
import { bucketOf, BucketSums } from '../../lib/values/bucket-sums.ts'
import { openReceipt } from '../../lib/verify/open-receipt.ts'
import type { VerifyOptions } from '../../lib/verify/options.ts'
import { readReceipt } from '../../lib/verify/read-receipt.ts'
import { formatReceipt } from '../../lib/verify/receipt.ts'
import type { Receipt } from '../../lib/verify/receipt.ts'
import type { Difference } from '../../lib/verify/report.ts'
import { verify } from '../../lib/verify/verify.ts'
import { hooked, storeWith } from './hooked.ts'

const documents: readonly Document[] = Array.from({ length: 1_000 }, (_, n) => ({ _id: `d${n}`, n }))

describe('verify: receipts and runs', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'docferry-verify-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const check = async (options: VerifyOptions) => {
    const report = await verify({ stateDir: folder, settleMs: 1, ...options })
    const text = report.differences === undefined ? '' : readFileSync(report.differences, 'utf8')
    const differences = text
      .split('\n')
      .filter(line => line !== '')
      .map(line => JSON.parse(line) as Difference)
    return { report, differences, collection: report.collections[0]! }
  }
  const failed = async (options: VerifyOptions): Promise<DocferryError> =>
    await check(options).then(
      () => expect.fail('it did not fail'),
      (error: unknown) => {
        if (error instanceof DocferryError) return error
        throw error
      }
    )
  const keep = (receipt: Receipt): string => {
    const path = join(folder, 'receipt.json')
    writeFileSync(path, formatReceipt(receipt))
    return path
  }

  it('finds a target equal to a receipt', async () => {
    const { report, collection } = await check({ receipt: keep(receiptOf(documents)), target: hooked(storeWith(documents), {}) })
    expect(report).to.include({ state: 'equal', against: 'receipt' })
    expect(collection).to.include({ sourceDocuments: 1_000, targetDocuments: 1_000, equal: 1_000 })
  })

  it('says how much differs at least, and among which documents, where there is no source', async () => {
    const changed = documents.map((document): Document => (document._id === 'd5' ? { ...document, n: -1 } : document)).slice(1)
    const { report, collection, differences } = await check({ receipt: receiptOf(documents), target: hooked(storeWith(changed), {}) })
    expect(report.state).to.equal('different')
    expect(collection).to.include({ missing: 1, different: 1, extra: 0 })
    expect(collection.suspects).to.equal(differences.length)
    expect(differences.map(({ id, kind }) => [kind, id])).to.deep.include(['suspect', 'd5'])
    expect(differences.length).to.be.lessThan(10)
    expect(report.notes.join()).to.include("can't be told without the source")
  })

  it('reads the source only where something differs, and names it', async () => {
    let reads = 0
    const source = hooked(storeWith(documents), { onRead: () => void reads++ })
    const receipt = receiptOf(documents)
    await check({ receipt, source, target: hooked(storeWith(documents), {}) })
    expect(reads).to.equal(0)
    const { differences, collection } = await check({ receipt, source, target: hooked(storeWith(documents.slice(1)), {}) })
    expect(reads).to.equal(1)
    expect(differences.map(({ id, kind }) => [kind, id])).to.deep.equal([['missing', 'd0']])
    expect(collection).to.include({ missing: 1, equal: 999 })
  })

  it('takes documents that the target held before for right where they are the same', async () => {
    const receipt = receiptOf(documents.slice(0, 600), documents.slice(600))
    const { report, collection } = await check({ receipt, target: hooked(storeWith(documents), {}) })
    expect(report.state).to.equal('equal')
    expect(collection.equal).to.equal(1_000)
    const other = documents.map((document, index): Document => (index === 700 ? { ...document, n: -1 } : document))
    const differs = await check({ receipt, target: hooked(storeWith(other), {}) })
    expect(differs.report.state).to.equal('different')
    expect(differs.report.notes.join()).to.include('need not be as the receipt says')
  })

  it('tells 1 from 1.0 nowhere where the receipt does not, also beside another difference', async () => {
    const [a, b] = sameBucket()
    const ours: Document[] = [
      { _id: a, n: 1 },
      { _id: b, n: 1 }
    ]
    const theirs: Document[] = [
      { _id: a, n: new Double(1) },
      { _id: b, n: 2 }
    ]
    const receipt = { ...receiptOf(ours), kinds: false }
    const { differences } = await check({ receipt, source: hooked(storeWith(ours), {}), target: hooked(storeWith(theirs), {}) })
    expect(differences.map(({ id, kind, paths }) => [id, kind, paths])).to.deep.equal([[b, 'different', ['n']]])
  })

  it('names no path in which only the kind of a number is another, where the receipt does not tell kinds', async () => {
    const ours: Document[] = [{ _id: 'x', n: 1, other: 'ours' }]
    const theirs: Document[] = [{ _id: 'x', n: new Double(1), other: 'theirs' }]
    const receipt = { ...receiptOf(ours), kinds: false }
    const { differences } = await check({ receipt, source: hooked(storeWith(ours), {}), target: hooked(storeWith(theirs), {}) })
    expect(differences.map(({ paths }) => paths)).to.deep.equal([['other']])
  })

  it('compares the numbers of a receipt with quick', async () => {
    const receipt = receiptOf(documents)
    expect((await check({ receipt, target: hooked(storeWith(documents), {}), quick: true })).report.state).to.equal('equal')
    const { collection } = await check({ receipt, target: hooked(storeWith(documents.slice(3)), {}), quick: true })
    expect(collection).to.include({ missing: 3, state: 'different' })
  })

  it('refuses a damaged receipt, and options that the receipt tells itself', async () => {
    const path = keep(receiptOf(documents))
    const target = hooked(storeWith(documents), {})
    expect((await failed({ receipt: path, target, types: 'exact', includeDesign: true })).message).to.include('types, includeDesign')
    writeFileSync(path, readFileSync(path, 'utf8').replace('"written": "', '"written": "AA'))
    expect(await failed({ receipt: path, target })).to.include({ code: 'DOCFERRY_RECEIPT' })
  })

  it('refuses a pipe or a device at once, which it would wait for', async function () {
    if (process.platform === 'win32') this.skip()
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    for (const [path, what] of [
      [pipe, 'a pipe'],
      ['/dev/null', 'a device']
    ] as const)
      for (const read of [openReceipt, readReceipt])
        expect(await read(path).catch((error: unknown) => error))
          .to.include({ code: 'DOCFERRY_RECEIPT' })
          .and.have.property('message')
          .that.includes(`${path} is ${what}`)
  })

  it('refuses a receipt that was edited, wherever it was', async () => {
    const path = keep(receiptOf(documents, documents.slice(0, 1)))
    const text = readFileSync(path, 'utf8')
    const target = hooked(storeWith(documents), {})
    for (const [from, to] of [
      ['"failed": 0', '"failed": 1'],
      ['"kinds": true', '"kinds": false'],
      ['"types": "natural"', '"types": "plain"'],
      ['"skipped": 1', '"skipped": 99']
    ] as const) {
      expect(text).to.include(from)
      writeFileSync(path, text.replace(from, to))
      expect(await failed({ receipt: path, target }), from).to.include({ code: 'DOCFERRY_RECEIPT' })
    }
    writeFileSync(path, 'null')
    expect(await failed({ receipt: path, target })).to.include({ code: 'DOCFERRY_RECEIPT' })
  })

  it('refuses what has not the shape of a receipt, whatever its checksum, without the words of a program', async () => {
    const whole = JSON.parse(formatReceipt(receiptOf(documents))) as { checksum?: string; collections: object[] }
    const [collection] = whole.collections
    const { checksum: _checksum, ...kept } = whole
    for (const change of [
      { collections: [null] },
      { collections: ['a'] },
      { collections: [{ ...collection, written: undefined }] },
      { collections: [{ ...collection, counts: null }] },
      { collections: [{ ...collection, target: 7 }] },
      { options: null },
      { options: { stages: 'all' } },
      { source: 'here' }
    ]) {
      const text = JSON.stringify({ ...kept, ...change })
      const receipt = join(folder, 'shapeless.json')
      const checksum = createHash('sha256').update(text).digest('hex')
      writeFileSync(receipt, JSON.stringify({ ...(JSON.parse(text) as object), checksum }))
      const error = await failed({ receipt, target: hooked(storeWith(documents), {}) })
      expect(error).to.include({ code: 'DOCFERRY_RECEIPT' })
      expect(error.message).to.equal(`${receipt} is damaged: it does not hold what a receipt holds`)
    }
  })

  it('tells of no collection that nobody asked about', async () => {
    const store = storeWith(documents)
    store.collections.set('b', new Map())
    store.collections.set('stranger', new Map())
    const receipt = receiptOf(documents)
    const [a] = receipt.collections
    const counts = { ...a!.counts, failed: 2 }
    const both = { ...receipt, collections: [a!, { ...a!, source: 'b', target: 'b', counts, written: new BucketSums() }] }
    const asked = await check({ receipt: both, target: hooked(store, {}), collections: ['a'] })
    expect(asked.report.notes).to.deep.equal([])
    const all = await check({ receipt: both, target: hooked(store, {}) })
    expect(all.report.notes).to.include('the run could not write 2 documents, which are not in its receipt')
  })

  it('names an id once among the suspects that a file holds more than once', async () => {
    const target = join(folder, 'a.ndjson')
    writeFileSync(target, '{"_id":"x","n":1}\n{"_id":"x","n":2}\n')
    const { differences, collection } = await check({ receipt: receiptOf([{ _id: 'x', n: 3 }]), target })
    expect(differences.map(({ id, kind }) => [id, kind])).to.deep.equal([['x', 'suspect']])
    expect(collection.suspects).to.equal(1)
  })

  describe('of an export, by its trailer', () => {
    const exported = async (name: string): Promise<string> => {
      const path = join(folder, name)
      await migrate({ source: hooked(storeWith(documents), {}), target: path, stateDir: folder })
      return path
    }

    it('is refused where the file is cut, or has no trailer', async () => {
      const receipt = await exported('out.ndjson')
      writeFileSync(receipt, readFileSync(receipt).subarray(0, 5_000))
      const target = hooked(storeWith(documents), {})
      expect(await failed({ receipt, target })).to.include({ code: 'DOCFERRY_RECEIPT' })
      expect(await failed({ receipt: join(folder, 'none.ndjson'), target })).to.include({ code: 'DOCFERRY_RECEIPT' })
    })
  })

  for (const name of ['backup.ndjson', 'backup.ndjson.gz', 'backup/']) {
    it(`takes ${name} for a proof of its own documents`, async () => {
      const exported = join(folder, name)
      await migrate({ source: hooked(storeWith(documents), {}), target: `file:${exported}`, stateDir: folder })
      const equal = await check({ receipt: exported, target: hooked(storeWith(documents, 'b'), {}), rename: { a: 'b' } })
      expect(equal.report).to.include({ state: 'equal', against: 'receipt' })
      const own = await check({ receipt: exported, target: `file:${exported}` })
      expect(own.collection).to.include({ equal: 1_000, state: 'equal' })
      const short = await check({ receipt: exported, source: `file:${exported}`, target: hooked(storeWith(documents.slice(1)), {}) })
      expect(short.differences.map(({ kind, id }) => [kind, id])).to.deep.equal([['missing', 'd0']])
    })
  }

  describe('of a run', () => {
    const run = async (): Promise<{ report: RunReport; ends: { source: string; target: string } }> => {
      writeFileSync(join(folder, 'a.ndjson'), documents.map(document => `${JSON.stringify({ ...document, secret: 1 })}\n`).join(''))
      const ends = { source: join(folder, 'a.ndjson'), target: join(folder, 'out.ndjson') }
      const { parseStage } = await import('../../lib/registry.ts')
      const stages = [await parseStage('strip:secret')]
      const report = await migrate({ ...ends, rename: { a: 'b' }, stages, stateDir: folder })
      return { report, ends }
    }

    it('takes what was asked from its record', async () => {
      const { report: ran } = await run()
      const { report, collection } = await check({ run: ran.runId })
      expect(report).to.include({ state: 'equal', runId: ran.runId })
      expect(collection).to.include({ source: 'a', target: 'b', equal: 1_000 })
    })

    it('needs no source where nothing differs, and says so where something does', async () => {
      const { report: ran, ends } = await run()
      rmSync(ends.source)
      const { report } = await check({ run: ran.runId })
      expect(report).to.include({ state: 'equal', against: 'receipt and source' })
      writeFileSync(ends.target, readFileSync(ends.target, 'utf8').replace('{"_id":"d7","n":7}\n', ''))
      const differs = await check({ run: ran.runId })
      expect(differs.collection).to.include({ missing: 1, extra: 0, different: 0 })
      expect(differs.report.notes.join()).to.include("the source can't tell what differs")
    })

    it('names what is not as the run wrote it', async () => {
      const { report: ran, ends } = await run()
      writeFileSync(ends.target, readFileSync(ends.target, 'utf8').replace('{"_id":"d7","n":7}\n', ''))
      const { differences, report } = await check({ run: ran.runId })
      expect(report.damaged).to.be.a('string')
      expect(differences.map(({ kind, id, collection }) => [kind, id, collection])).to.deep.equal([['missing', 'd7', 'b']])
    })

    const lines = (kept: readonly Document[]): string => kept.map(document => `${JSON.stringify({ ...document, secret: 1 })}\n`).join('')
    const imported = async (
      kept: readonly Document[],
      options: Partial<MigrateOptions> = {},
      held: readonly Document[] = [],
      broken = ''
    ) => {
      const store = storeWith(held)
      writeFileSync(join(folder, 'a.ndjson'), lines(kept) + broken)
      const target = { connector: 'memory', options: { store } } as const
      const ran = await migrate({ source: join(folder, 'a.ndjson'), target, stateDir: folder, ...options })
      const change = (id: string, document?: Document): void => {
        if (document) store.collection('a').set(id, document)
        else store.collection('a').delete(id)
      }
      return { ran, change, verified: () => check({ run: ran.runId, target }) }
    }

    it('does not take the word of a source that has changed since for what is missing', async () => {
      const { change, verified } = await imported(documents)
      for (const { _id } of documents.slice(100)) change(_id)
      writeFileSync(join(folder, 'a.ndjson'), lines(documents.slice(0, 100)))
      const { report, collection } = await verified()
      expect(report.state).to.equal('different')
      expect(collection.missing).to.equal(900)
      expect(report.notes.join()).to.include('not what the run has read any more')
    })

    it('calls no document different that is as the run wrote it, whatever the source holds now', async () => {
      const { change, verified } = await imported(documents)
      change('d31', { _id: 'd31', n: -1, secret: 1 })
      writeFileSync(
        join(folder, 'a.ndjson'),
        lines(documents.map(document => (document._id === 'd500' ? { ...document, n: -2 } : document)))
      )
      const { differences } = await verified()
      expect(differences.map(({ kind, id }) => [kind, id])).to.deep.equal([['different', 'd31']])
    })

    it('names what the run skipped and the target has lost', async () => {
      const { ran, change, verified } = await imported(
        documents.slice(0, 100),
        {},
        documents.slice(0, 50).map(each => ({ ...each, secret: 1 }))
      )
      expect(ran.collections[0]).to.include({ written: 50, skipped: 50 })
      expect((await verified()).report.state).to.equal('equal')
      for (const { _id } of documents.slice(0, 50)) change(_id)
      const { collection } = await verified()
      expect(collection).to.include({ missing: 50, state: 'different', sourceDocuments: 100, targetDocuments: 50 })
    })

    it('knows which document of an id the run wrote', async () => {
      const [first, second] = [
        { _id: 'x', n: 1 },
        { _id: 'x', n: 2 }
      ]
      const { change, verified } = await imported([first, second, ...documents])
      expect((await verified()).report.state).to.equal('equal')
      change('x', { ...second, secret: 1 })
      const { differences } = await verified()
      expect(differences).to.have.length(1)
      expect(differences[0]).to.include({ kind: 'different', id: 'x' })
    })

    it('finds the last document of an id right where the run replaces', async () => {
      const [first, second] = [
        { _id: 'x', n: 1 },
        { _id: 'x', n: 2 }
      ]
      const { verified } = await imported([first, second, ...documents], { onConflict: 'overwrite' })
      expect((await verified()).report.state).to.equal('equal')
    })

    it('takes dead letters for what has not arrived', async () => {
      const { ran, verified } = await imported(documents, {}, [], '{"no":"id"}\n')
      expect(ran.state).to.equal('partial')
      const { report, collection } = await verified()
      expect(report.state).to.equal('different')
      expect(collection).to.include({ deadLetters: 1, equal: 1_000, missing: 0 })
    })

    it('invents nothing where all that the run brought was there already and became dead letters', async () => {
      const held = documents.slice(0, 10).map(each => ({ ...each, secret: 1 }))
      const { ran, verified } = await imported(documents.slice(0, 10), { onConflict: 'fail' }, held)
      expect(ran.collections[0]).to.include({ written: 0, failed: 10 })
      const { collection, differences } = await verified()
      expect(collection).to.include({ deadLetters: 10, extra: 0, beside: 10, unproven: 0, missing: 0 })
      expect(differences).to.deep.equal([])
    })

    it('leaves out what a target held beside before the run', async () => {
      const { verified } = await imported(documents.slice(0, 10), {}, [{ _id: 'other', n: 1 }])
      const { report, collection } = await verified()
      expect(report.state).to.equal('equal')
      expect(collection).to.include({ extra: 0, beside: 1, equal: 10 })
    })

    it('refuses one that has not come to its end, and says so of the run', async () => {
      const stopped = await migrate({
        source: hooked(storeWith(documents), {}),
        target: hooked(storeWith([]), {}),
        stateDir: folder,
        stages: [
          () => {
            throw new DocferryError('DOCFERRY_READ', 'gone')
          }
        ],
        maxFailures: 0
      }).then(
        () => expect.fail('it did not fail'),
        (error: unknown) => error
      )
      expect(stopped).to.be.instanceOf(DocferryError)
      const [run] = await listRuns(folder)
      const error = await failed({ run: run!.runId })
      expect(error).to.include({ code: 'DOCFERRY_RUN_UNFIT', exitCode: 2 })
      expect(error.message).to.include('has not come to its end').and.include(`docferry resume ${run!.runId}`)
    })

    it('refuses one that is not there, and what its record tells itself', async () => {
      const { report: ran } = await run()
      expect(await failed({ run: '2026-01-01T00-00-00-000000' })).to.include({ code: 'DOCFERRY_NO_SUCH_RUN' })
      expect((await failed({ run: ran.runId, rename: { a: 'c' } })).message).to.include('rename: taken from the record of the run')
      expect(await failed({ run: ran.runId, collections: ['c'] })).to.include({ code: 'DOCFERRY_NO_SUCH_COLLECTION' })
    })
  })
})

function receiptOf(written: readonly Document[], skipped: readonly Document[] = []): Receipt {
  const sumsOf = (all: readonly Document[]): BucketSums => {
    const sums = new BucketSums()
    for (const document of all) sums.add(document._id, documentDigests(document))
    return sums
  }
  const counts = {
    read: written.length + skipped.length,
    added: 0,
    written: written.length,
    skipped: skipped.length,
    filtered: 0,
    failed: 0
  }
  const place = { provider: 'memory', address: 'a store', identity: 'a store' } as const
  return {
    runId: '2026-11-22T10-15-00-a1b2c3',
    docferry: '0.1.0',
    startedAt: '2026-11-22T10:15:00.000Z',
    finishedAt: '2026-11-22T10:16:00.000Z',
    source: place,
    target: place,
    options: { onConflict: 'skip', onIncompatible: 'dead-letter', types: 'natural', includeDesign: false, keepMetadata: false, stages: [] },
    kinds: true,
    collections: [{ source: 'a', target: 'a', counts, wasEmpty: true, written: sumsOf(written), skipped: sumsOf(skipped) }]
  }
}

/** Two ids whose documents are summed up together. */
function sameBucket(): [string, string] {
  const ids = new Map<number, string>()
  for (let n = 0; ; n++) {
    const [id, bucket] = [`d${n}`, bucketOf(`d${n}`)]
    const other = ids.get(bucket)
    if (other !== undefined) return [other, id]
    ids.set(bucket, id)
  }
}
