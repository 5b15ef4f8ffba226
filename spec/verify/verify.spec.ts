/** Verifying between files and stores in memory. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { createMemoryStore } from '../../lib/connectors/memory/store.ts'
import type { MemoryStore } from '../../lib/connectors/memory/store.ts'
import { DocferryError } from '../../lib/errors.ts'
import type { Endpoint } from '../../lib/open.ts'
import { parseStage } from '../../lib/registry.ts'
import type { Document } from '../../lib/types.ts'
import { stringifyJson } from '../../lib/values/index.ts'
import type { VerifyOptions } from '../../lib/verify/options.ts'
import type { Difference } from '../../lib/verify/report.ts'
import { verify } from '../../lib/verify/verify.ts'
import { migrate } from '../support/migrate.ts'
import { scriptedSource } from '../support/scripted-connector.ts'
import { hooked, storeWith } from './hooked.ts'
import { plantErrors } from './planted.ts'

describe('verify', function () {
  this.timeout(30_000)
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'docferry-verify-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const path = (name: string): string => join(folder, name)
  const stateDir = (): string => path('state')
  const left = (): string[] =>
    existsSync(path('state/verify')) ? readdirSync(path('state/verify'), { recursive: true, encoding: 'utf8' }) : []
  const write = (name: string, documents: Iterable<Document>): string => {
    writeFileSync(path(name), [...documents].map(document => `${stringifyJson(document)}\n`).join(''))
    return path(name)
  }
  const check = async (options: VerifyOptions) => {
    const report = await verify({ stateDir: stateDir(), settleMs: 1, ...options })
    const text = report.differences === undefined ? '' : readFileSync(report.differences, 'utf8')
    const differences = text
      .split('\n')
      .filter(line => line !== '')
      .map(line => JSON.parse(line) as Difference)
    return { report, differences, collection: report.collections[0]! }
  }
  const failed = async (options: VerifyOptions): Promise<DocferryError> => {
    try {
      await verify({ stateDir: stateDir(), ...options })
    } catch (error) {
      if (error instanceof DocferryError) return error
      throw error
    }
    throw new Error('it did not fail')
  }

  for (const inThread of [false, true]) {
    it(`names every planted difference in 20,000 documents, and no other${inThread ? ', the target read in a thread' : ''}`, async () => {
      const made = plantErrors(20_000)
      const { planted } = made
      write('ours.ndjson', made.source())
      write('theirs.ndjson', made.target())
      const { report, differences, collection } = await check({
        source: path('ours.ndjson'),
        target: path('theirs.ndjson'),
        rename: { ours: 'theirs' },
        inThread
      })
      expect(differences.map(({ id, kind, paths = [] }) => [kind, id, ...paths])).to.have.deep.members(planted)
      expect(report.state).to.equal('different')
      expect(collection).to.include({ missing: 1, extra: 1, different: 4, repeated: 1, equal: 20_000 - 6, changedMeanwhile: 0 })
    })
  }

  it('keeps nothing on disk where all is equal', async () => {
    write('a.ndjson', numbered(100))
    write('b.ndjson', numbered(100).reverse())
    const { report, collection } = await check({ source: path('a.ndjson'), target: path('b.ndjson'), rename: { a: 'b' } })
    expect(report.state).to.equal('equal')
    expect(report.differences).to.equal(undefined)
    expect(collection).to.include({ sourceDocuments: 100, targetDocuments: 100, equal: 100 })
    expect(collection.root?.source).to.equal(collection.root?.target)
    expect(existsSync(stateDir())).to.equal(false)
  })

  it('leaves the list alone behind, readable by its owner, without contents', async () => {
    const { report } = await check({
      source: storeOf({ a: [{ _id: 'x', secret: 'ours-4711' }] }),
      target: storeOf({ a: [{ _id: 'x', secret: 'theirs-4711' }] })
    })
    expect(left()).to.have.members([report.id, join(report.id, 'differences.ndjson')])
    expect(statSync(report.differences!).mode & 0o777).to.equal(0o600)
    expect(readFileSync(report.differences!, 'utf8')).to.include('"paths":["secret"]').and.not.include('4711')
    expect(JSON.stringify(report)).to.not.include('4711')
  })

  it('tells the values that differ where that is asked for', async () => {
    const { differences } = await check({
      source: storeOf({ a: [{ _id: 'x', list: [1, { deep: 'ours' }] }] }),
      target: storeOf({ a: [{ _id: 'x', list: [1, { deep: 'theirs' }, 3] }] }),
      showValues: true
    })
    expect(differences[0]?.values).to.deep.equal([
      { path: 'list[1].deep', source: '"ours"', target: '"theirs"' },
      { path: 'list[2]', target: '3' }
    ])
  })

  it('lists differences by collection and id, in whatever order they are found', async () => {
    const both = (documents: readonly Document[]) => ({ b: documents, a: documents })
    const ours = numbered(60).filter(({ _id }) => _id !== '0031')
    const theirs = numbered(60).map((document, n): Document => (n % 2 === 0 ? { ...document, n: -1 } : document))
    const ids = theirs.filter(({ _id, n }) => n === -1 || _id === '0031').map(({ _id }) => _id)
    const lists: string[] = []
    for (const held of [theirs, theirs.toReversed()]) {
      const { report } = await check({ source: storeOf(both(ours)), target: storeOf(both(held)), parallel: 4 })
      lists.push(readFileSync(report.differences!, 'utf8'))
      expect(report.collections.map(({ examples }) => examples.map(({ id }) => id))).to.deep.equal([ids.slice(0, 20), ids.slice(0, 20)])
    }
    expect(lists[0]).to.equal(lists[1])
    const found = lists[0]!
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as Difference)
    expect(found.map(({ collection, id }) => [collection, id])).to.deep.equal(['b', 'a'].flatMap(name => ids.map(id => [name, id])))
  })

  it('reads the source through the stages of the run, and its collections under their new names', async () => {
    const source = storeOf({
      people: [{ _id: 'x', _rev: '1-a', password: 'secret', name: 'A' }, { _id: '_design/d' }],
      other: [{ _id: 'y' }]
    })
    const target = createMemoryStore()
    const how = {
      source,
      target: endOf(target),
      collections: ['people'],
      rename: { people: 'users' },
      stages: [await parseStage('strip:password')]
    }
    await migrate(how)
    expect((await check(how)).report.state).to.equal('equal')
    const { differences } = await check({ ...how, stages: [] })
    expect(differences.map(({ kind, id, paths }) => [kind, id, paths])).to.deep.equal([['different', 'x', ['password']]])
  })

  it('compares what stages make of the documents of an export, and not what its reader has checked', async () => {
    const store = createMemoryStore()
    store.collections.set('a', new Map(['x', 'y'].map(_id => [_id, { _id, _rev: '1-a', n: 1 }])))
    const source = { connector: 'memory', options: { store } } as const
    await migrate({ source, target: path('a.ndjson'), keepMetadata: true })
    mkdirSync(path('bare'))
    await migrate({ source, target: path('bare/a.ndjson') })
    const changed = (document: Document): Document => Object.assign(document, { n: 2 })
    for (const inThread of [false, true]) {
      const equal = await check({ source: path('bare/a.ndjson'), target: path('a.ndjson'), inThread })
      expect(equal.collection).to.include({ equal: 2, different: 0 })
      const { differences } = await check({ source: path('a.ndjson'), target: path('bare/a.ndjson'), stages: [changed], inThread })
      expect(differences.map(({ kind, id, paths }) => [kind, id, paths])).to.deep.equal([
        ['different', 'x', ['n']],
        ['different', 'y', ['n']]
      ])
    }
  })

  it('goes on from a source that holds an id more than once, where the target holds one of its documents', async () => {
    write('a.ndjson', [
      { _id: 'x', n: 1 },
      { _id: 'x', n: 2 },
      { _id: 'y', n: 1 }
    ])
    const { report, collection } = await check({
      source: path('a.ndjson'),
      target: storeOf({
        a: [
          { _id: 'x', n: 1 },
          { _id: 'y', n: 1 }
        ]
      })
    })
    expect(report.state).to.equal('equal')
    expect(collection).to.include({ equal: 2, changedMeanwhile: 0 })
    expect(report.notes).to.deep.equal(['a: the source holds 1 id more than once; the target holds one of the documents of each'])
  })

  it('tells a collection that the target lacks as a whole, and what it holds beside', async () => {
    const { report, differences } = await check({
      source: storeOf({ a: numbered(3), empty: [] }),
      target: storeOf({ other: numbered(1) })
    })
    expect(differences).to.deep.equal([{ collection: 'a', kind: 'missing', documents: 3, reason: 'the target has no such collection' }])
    expect(report.collections.map(({ state, missing, isMissing }) => [state, missing, isMissing])).to.deep.equal([
      ['different', 3, true],
      ['equal', 0, true]
    ])
    expect(report.notes).to.deep.equal([
      'also in the target, not compared: other',
      'empty holds no documents, and the target has no such collection'
    ])
  })

  it('names a few of the collections that nobody asked about', async () => {
    const strangers = Object.fromEntries(Array.from({ length: 8 }, (_, n) => [`other${n}`, []]))
    const { report } = await check({ source: storeOf({ a: numbered(1) }), target: storeOf({ a: numbered(1), ...strangers }) })
    expect(report.notes).to.deep.equal(['also in the target, not compared: other0, other1, other2, other3, other4 and 3 more'])
  })

  it('tells a field with a dot in its name from a field in a field', async () => {
    const { differences } = await check({
      source: storeOf({ a: [{ _id: 'x', 'a.b': 1, a: { b: 1, '': [{ 'c[0]': 1 }] } }] }),
      target: storeOf({ a: [{ _id: 'x', 'a.b': 2, a: { b: 2, '': [{ 'c[0]': 2 }] } }] })
    })
    expect(differences[0]?.paths).to.have.members(['"a.b"', 'a.b', 'a.""[0]."c[0]"'])
  })

  it('names lines of a file that are no documents', async () => {
    write('a.ndjson', numbered(2))
    writeFileSync(path('b.ndjson'), '{"_id":"0000","n":0}\n{"_id":"0001","n":1\n')
    const { differences, report } = await check({ source: path('a.ndjson'), target: path('b.ndjson'), rename: { a: 'b' } })
    expect(report.state).to.equal('different')
    expect(differences.map(({ kind, id, side, where }) => [kind, id, side, where])).to.have.deep.members([
      ['unreadable', undefined, 'target', 'line 2, byte 21'],
      ['missing', '0001', undefined, undefined]
    ])
  })

  it('names what a changed or cut export has lost, and says that it is damaged', async () => {
    const source = storeOf({ a: numbered(50) })
    await migrate({ source, target: path('b.ndjson') })
    const text = readFileSync(path('b.ndjson'), 'utf8')
    writeFileSync(path('b.ndjson'), text.replace('"n":7}', '"n":8}'))
    const changed = await check({ source, target: path('b.ndjson') })
    expect(changed.report.damaged).to.include('changed after it was written')
    expect(changed.differences.map(({ kind, id }) => [kind, id])).to.deep.equal([['different', '0007']])
    const many = storeOf({ a: numbered(5_000) })
    await migrate({ source: many, target: path('many.ndjson') })
    const packed = gzipSync(readFileSync(path('many.ndjson')))
    writeFileSync(path('b.ndjson.gz'), packed.subarray(0, Math.floor(packed.length * 0.05)))
    const cut = await check({ source: many, target: path('b.ndjson.gz') })
    expect(cut.report.damaged).to.be.a('string')
    expect(cut.differences.length).to.be.greaterThan(0)
    // The line that was cut may be told of as what it is.
    expect(cut.differences.filter(({ kind }) => kind !== 'missing').length).to.be.lessThan(2)
  })

  it('reads what comes behind a damaged file of a folder', async () => {
    const source = storeOf({ a: numbered(5), b: numbered(5), c: numbered(5) })
    await migrate({ source, target: `file:${path('out')}/` })
    const file = path('out/a.ndjson')
    writeFileSync(file, readFileSync(file, 'utf8').replace('"n":3}', '"n":4}'))
    const { differences, report } = await check({ source, target: `file:${path('out')}/`, parallel: 1 })
    expect(report.damaged).to.be.a('string')
    expect(differences.map(({ collection, id, kind }) => [collection, id, kind])).to.deep.equal([['a', '0003', 'different']])
  })

  it('tells a folder that has lost a file by the collection that is missing', async () => {
    const source = storeOf({ a: numbered(3), b: numbered(5), c: numbered(3) })
    await migrate({ source, target: `file:${path('out')}/` })
    rmSync(path('out/b.ndjson'))
    const text = readFileSync(path('out/c.ndjson'), 'utf8')
    writeFileSync(path('out/c.ndjson'), text.slice(0, text.lastIndexOf('\n', text.length - 2) + 1))
    for (const inThread of [false, true]) {
      const { report, differences } = await check({ source, target: `file:${path('out')}/`, inThread })
      expect(differences).to.deep.equal([
        { collection: 'b', kind: 'missing', documents: 5, reason: 'the target has lost the file of this collection' },
        { collection: 'c', id: '0002', kind: 'missing' }
      ])
      expect(report.damaged).to.include('has no b.ndjson, which its manifest.json names').and.include('"c" should hold 3 documents')
      expect(report.notes).to.deep.equal([])
    }
  })

  it('tells a folder that has lost the file of an empty collection', async () => {
    const source = storeOf({ a: numbered(3), b: [] })
    await migrate({ source, target: `file:${path('out')}/` })
    rmSync(path('out/b.ndjson'))
    const { report } = await check({ source, target: `file:${path('out')}/` })
    expect(report.state).to.equal('different')
    expect(report.damaged).to.include('b.ndjson')
  })

  it('counts fields of CouchDB on neither side, also where a stage has made them', async () => {
    const source = storeOf({ a: numbered(3) })
    for (const field of ['_attachments', '_rev', '_conflicts']) {
      const stages = [await parseStage(`set:{"${field}":{"x":{"length":3}}}`)]
      await migrate({ source, target: path(`${field}.ndjson`), stages })
      const { report } = await check({ source, target: path(`${field}.ndjson`), stages })
      expect(report.state, field).to.equal('equal')
    }
  })

  it('refuses a folder as the source of a collection whose file it has lost', async () => {
    const source = storeOf({ a: numbered(3), b: numbered(3) })
    await migrate({ source, target: `file:${path('out')}/` })
    rmSync(path('out/b.ndjson'))
    expect(await failed({ source: `file:${path('out')}/`, target: source })).to.include({ code: 'DOCFERRY_FILE_MISSING' })
    expect((await check({ source: `file:${path('out')}/`, target: source, collections: ['a'] })).report.state).to.equal('equal')
  })

  it('tells what else lies in a folder', async () => {
    const source = storeOf({ a: numbered(3) })
    await migrate({ source, target: `file:${path('out')}/` })
    writeFileSync(path('out/more.ndjson'), '')
    writeFileSync(path('out/notes.txt'), '')
    const { report } = await check({ source, target: `file:${path('out')}/` })
    expect(report.state).to.equal('equal')
    expect(report.notes).to.deep.equal(['also in the target, not compared: more', 'also in the target, not read: notes.txt'])
  })

  it('says that a folder has no manifest, so that nothing tells whether it is whole', async () => {
    const source = storeOf({ a: numbered(3), b: numbered(3) })
    await migrate({ source, target: `file:${path('out')}/` })
    rmSync(path('out/manifest.json'))
    rmSync(path('out/b.ndjson'))
    const doubt = `${path('out')} has no manifest.json: that no file of it was lost or changed can't be told`
    const asTarget = await check({ source, target: `file:${path('out')}/`, collections: ['a'] })
    expect(asTarget.report.state).to.equal('equal')
    expect(asTarget.report.notes).to.deep.equal([doubt])
    const asSource = await check({ source: `file:${path('out')}/`, target: source })
    expect(asSource.report.state).to.equal('equal')
    expect(asSource.report.notes).to.include(doubt)
  })

  it('tells a compressed export in which a byte was changed by the damage, and not as cut', async () => {
    const source = storeOf({ a: numbered(30_000) })
    await migrate({ source, target: path('b.ndjson.gz') })
    const whole = readFileSync(path('b.ndjson.gz'))
    for (const share of [0.01, 0.3, 0.6]) {
      const damaged = Buffer.from(whole)
      const at = Math.floor(whole.length * share)
      damaged[at] = damaged[at]! ^ 0xff
      writeFileSync(path('b.ndjson.gz'), damaged)
      const { report } = await check({ source, target: path('b.ndjson.gz') })
      expect(report.state).to.equal('different')
      expect(report.damaged, `at ${share}`).to.include('holds damaged gzip data')
    }
  })

  it('tells a compressed export of which nothing can be read', async () => {
    const source = storeOf({ a: numbered(5) })
    await migrate({ source, target: path('b.ndjson.gz') })
    const packed = readFileSync(path('b.ndjson.gz'))
    packed[14] = packed[14]! ^ 0xff
    writeFileSync(path('b.ndjson.gz'), packed)
    const { report, differences } = await check({ source, target: path('b.ndjson.gz') })
    expect(report.damaged).to.include('holds damaged gzip data')
    expect(differences).to.deep.equal([
      { collection: 'a', kind: 'missing', documents: 5, reason: 'nothing can be read of the target, which is damaged at its beginning' }
    ])
  })

  it('compares counts alone with quick', async () => {
    const { report, collection } = await check({ source: storeOf({ a: numbered(10) }), target: storeOf({ a: numbered(8) }), quick: true })
    expect(report.state).to.equal('different')
    expect(report.differences).to.equal(undefined)
    expect(collection).to.include({ sourceDocuments: 10, targetDocuments: 8, missing: 2, extra: 0, sameNumber: 8, equal: 0 })
    expect(collection.root).to.equal(undefined)
  })

  it('compares the same documents of both sides in a sample', async () => {
    const ours = numbered(2_000)
    const theirs = ours.map((document): Document => ({ ...document, n: -1 }))
    const { differences, collection } = await check({
      source: storeOf({ a: ours }),
      target: storeOf({ a: theirs.toReversed() }),
      sample: 0.1
    })
    expect(differences.length).to.be.within(120, 280)
    expect(differences.every(({ kind }) => kind === 'different')).to.equal(true)
    expect(collection).to.include({ sourceDocuments: 2_000, targetDocuments: 2_000, missing: 0, extra: 0, equal: 0 })
  })

  it('calls documents unproven where the sample holds none of them', async () => {
    const ends = { source: storeOf({ a: numbered(3) }), target: storeOf({ a: numbered(3) }), sample: 1e-9 }
    const { report, collection, differences } = await check(ends)
    expect(report.state).to.equal('different')
    expect(collection).to.include({ sourceDocuments: 3, targetDocuments: 3, equal: 0, unproven: 3, missing: 0, different: 0 })
    expect(differences).to.deep.equal([])
    const both = { ...ends, source: storeOf({ a: [] }), target: storeOf({ a: [] }) }
    expect((await check(both)).report.state).to.equal('equal')
  })

  it('tells a difference of counts that the sample does not show', async () => {
    const { report } = await check({ source: storeOf({ a: numbered(2_000) }), target: storeOf({ a: numbered(1_999) }), sample: 0.0001 })
    expect(report.state).to.equal('different')
  })

  it('writes the list where it is asked to, also where it is empty, and replaces nothing', async () => {
    const ends = { source: storeOf({ a: numbered(2) }), target: storeOf({ a: numbered(2) }), differences: path('list.ndjson') }
    await check(ends)
    expect(readFileSync(path('list.ndjson'), 'utf8')).to.equal('')
    expect((await failed(ends)).message).to.include('exists already')
  })

  it('tells all options that make no sense at once', async () => {
    const { code, message } = await failed({ quick: true, sample: 2, parallel: 0, maxRate: -1, types: 'odd' as never })
    expect(code).to.equal('DOCFERRY_CONFIG')
    for (const word of ['target: missing', 'source: missing', 'sample: a share', 'quick and sample', 'parallel:', 'maxRate:', 'types:'])
      expect(message).to.include(word)
  })

  it('refuses what can be read only once', async () => {
    const { code, message } = await failed({ source: 'file:-', target: storeOf({}) })
    expect(code).to.equal('DOCFERRY_USAGE')
    expect(message).to.include('save it to a file')
  })

  it('ends when it is interrupted, and leaves nothing', async () => {
    const abort = new AbortController()
    const source = scriptedSource({
      collections: { a: numbered(100) },
      beforePage: (_, page) => {
        if (page === 5) abort.abort()
      }
    })
    const ends = { source, target: storeOf({ a: numbered(90) }) }
    expect(await failed({ ...ends, signal: abort.signal })).to.include({ code: 'DOCFERRY_INTERRUPTED' })
    expect(left()).to.deep.equal([])
  })

  it('leaves nothing where the second look fails', async () => {
    let reads = 0
    const source = scriptedSource({
      collections: { a: numbered(100) },
      beforePage: (_, page) => {
        if (page === 0 && ++reads === 2) throw new DocferryError('DOCFERRY_READ', 'gone')
      }
    })
    expect(await failed({ source, target: storeOf({ a: numbered(90) }) })).to.include({ code: 'DOCFERRY_READ' })
    expect(left()).to.deep.equal([])
  })

  it('removes the list that a verification has left half done that was killed in its first look, and none that is being written', async () => {
    const list = path('state/verify/killed/differences.ndjson.partial-1')
    mkdirSync(path('state/verify/killed'), { recursive: true })
    writeFileSync(list, '')
    writeFileSync(path('state/verify/killed/lock-1'), '')
    let others = 0
    const bad = write('a.ndjson', numbered(3))
    writeFileSync(bad, 'broken\n', { flag: 'a' })
    const source = hooked(storeWith(numbered(3)), {
      onRead: async () => {
        while (!left().some(name => name.includes('.partial-') && !name.startsWith('killed'))) await setImmediate()
        await check({ source: storeOf({ b: [] }), target: storeOf({ b: [] }) })
        others++
      }
    })
    const { differences } = await check({ source: bad, target: source })
    expect([others, differences.map(({ kind }) => kind)]).to.deep.equal([1, ['unreadable']])
    expect(existsSync(list)).to.equal(false)
  })

  it('removes the documents that a verification has left that was killed', async () => {
    mkdirSync(path('state/verify/killed/spool'), { recursive: true })
    writeFileSync(path('state/verify/killed/spool/texts'), '{"_id":"x"}')
    writeFileSync(path('state/verify/killed/lock-1'), JSON.stringify({ pid: 999_999_999, host: 'elsewhere' }))
    await check({ source: storeOf({ a: numbered(1) }), target: storeOf({ a: numbered(1) }) })
    expect(left(), 'of another machine, which may be alive').to.include('killed')
    writeFileSync(path('state/verify/killed/lock-1'), '')
    await check({ source: storeOf({ a: numbered(1) }), target: storeOf({ a: numbered(1) }) })
    expect(left()).to.deep.equal([])
  })
})

function numbered(count: number): Document[] {
  return Array.from({ length: count }, (_, n) => ({ _id: String(n).padStart(4, '0'), n }))
}

function storeOf(collections: Readonly<Record<string, readonly Document[]>>): Endpoint {
  const store = createMemoryStore()
  for (const [name, documents] of Object.entries(collections))
    store.collections.set(name, new Map(documents.map(document => [document._id, document])))
  return endOf(store)
}

function endOf(store: MemoryStore): Endpoint {
  return { connector: 'memory', options: { store } }
}
