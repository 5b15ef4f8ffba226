import { expect } from 'chai'
import type { FirestoreConnection } from '../../../lib/connectors/firestore/client.ts'
import { CollectionQueries } from '../../../lib/connectors/firestore/collection-queries.ts'
import type { FirestoreOptions } from '../../../lib/connectors/firestore/index.ts'
import { isDocumentPath } from '../../../lib/connectors/firestore/limits.ts'
import { comparePaths } from '../../../lib/connectors/firestore/name-order.ts'
import { storedId } from '../../../lib/connectors/firestore/names.ts'
import type { Document, Page, Partition, Source } from '../../../lib/types.ts'
import { treeOf, writeTree } from './support-tree.ts'
import { listeningLogger, openSource, openTarget, ownProject, root, writeAll } from './support.ts'

const rules = { types: 'natural', escapeNames: false, subcollections: true } as const

/** In Firestore's order: nested, with ids that sort around the slash, and with documents that are only a path to others. */
const paths = [
  '__id-3__',
  '__id7__/runs/r',
  '__id20__',
  'a',
  'a/Runs/1',
  'a/runs/__id9__',
  'a/runs/1',
  'a/runs/1/steps/s',
  'a/runs/1/steps/s/ghost/g',
  'a/runs/1-',
  'a/runs/2',
  'a/runs-/1',
  'a!',
  'a!/runs/1',
  'a-b',
  'a.b/runs/.x',
  'a0',
  'ghost/runs/1',
  'ghost/runs/ghost/steps/1',
  'é/läufe/日本',
  '\uffee/runs/1',
  '𝄞',
  '𝄞/runs/𝄞'
]

const ids = (documents: readonly Document[]): string[] => documents.map(({ _id }) => _id)

async function read(source: Source, partition: Partition, after?: string, pageSize = 500): Promise<Page[]> {
  const pages: Page[] = []
  for await (const page of source.read(partition, { after, pageSize })) pages.push(page)
  return pages
}

async function idsOf(source: Source, partition: Partition, after?: string): Promise<string[]> {
  return ids((await read(source, partition, after)).flatMap(({ documents }) => documents))
}

describe('firestore: subcollections as a source', () => {
  let options: FirestoreOptions
  let source: Source
  let whole: Partition

  before(async () => {
    options = await ownProject()
    await writeTree(options, [
      ...paths.map(path => `agents/${path}`),
      'agents2/z',
      'agents-/a/runs/1',
      'phantom/p/q/r/s/t',
      'other/a/agents/b'
    ])
    source = await openSource(options)
    whole = (await source.partitions(['agents'], { wanted: 1 }))[0]!
  })
  after(() => source.close())

  it('are read with their documents, in order, by their paths, without what is only a path', async () => {
    expect(await idsOf(source, whole)).to.deep.equal(paths)
  })

  it('are left out where that is wanted', async () => {
    const without = await openSource({ ...options, subcollections: false })
    const [partition] = await without.partitions(['agents'], { wanted: 1 })
    expect(await idsOf(without, partition!)).to.deep.equal(paths.filter(path => !path.includes('/')))
    expect(await without.holdsSubcollections!({})).to.equal(false)
    await without.close()
  })

  it('are not read in a partition of a run that was begun without them', async () => {
    const partition = { id: 'agents', collections: ['agents'], range: { from: null, to: null } }
    expect(await idsOf(source, partition)).to.deep.equal(paths.filter(path => !path.includes('/')))
  })

  it('are counted and told of, also of collections that hold nothing else', async () => {
    expect(await source.collections({})).to.deep.equal([
      { name: 'agents', documents: paths.length, contents: '16 documents in subcollections (Runs, läufe, runs, runs-)' },
      { name: 'agents-', documents: 1, contents: '1 document in subcollections (runs)' },
      { name: 'agents2', documents: 1 },
      { name: 'other', documents: 1, contents: '1 document in subcollections (agents)' },
      { name: 'phantom', documents: 1, contents: '1 document in subcollections (q)' }
    ])
  })

  it('are read also where there were none when documents were counted', async () => {
    const own = await ownProject()
    await writeTree(own, ['agents/z'])
    const other = await openSource(own)
    expect(await other.collections({})).to.deep.equal([{ name: 'agents', documents: 1 }])
    await writeTree(own, ['agents/z/runs/1'])
    const [partition] = await other.partitions(['agents'], { wanted: 1 })
    expect(await idsOf(other, partition!)).to.deep.equal(['z', 'z/runs/1'])
    await other.close()
  })

  it('are neither lost nor doubled wherever a partition ends', async () => {
    for (const bound of [...paths, 'a/runs', 'a/runs/1/steps/r', 'ghost', 'zzz'].filter(path => path.split('/').length % 2 === 1)) {
      const range = { subcollections: true }
      const before = await idsOf(source, { ...whole, range: { ...range, from: null, to: bound } })
      const behind = await idsOf(source, { ...whole, range: { ...range, from: bound, to: null } })
      expect([...before, ...behind], bound).to.deep.equal(paths)
    }
  })

  it('are gone on with after any document', async () => {
    const pages = await read(source, whole, undefined, 1)
    expect(pages.map(({ cursor }) => cursor)).to.deep.equal(paths)
    for (const [index, { cursor }] of pages.entries()) expect(await idsOf(source, whole, cursor)).to.deep.equal(paths.slice(index + 1))
    expect(await idsOf(source, whole, 'a/runs/1/zz/gone')).to.deep.equal(paths.slice(paths.indexOf('a/runs/1-')))
  })

  it('take no document away whose escaped id is the path of another: it is told of', async () => {
    const own = await ownProject()
    await writeTree(own, ['agents/a/runs/1', 'agents/$%a%2Fruns%2F1', 'agents/$%b%2Fruns%2F1', 'agents/$%c%2Fd'])
    const other = await openSource(own)
    const [partition] = await other.partitions(['agents'], { wanted: 1 })
    const [page] = await read(other, partition!)
    expect(ids(page!.documents)).to.deep.equal(['b/runs/1', 'c/d', 'a/runs/1'])
    expect(page!.rejects).to.have.length(1)
    expect(page!.rejects![0]).to.include({ code: 'DOCFERRY_BAD_ID', id: 'a/runs/1', where: 'agents/$%a%2Fruns%2F1' })
    expect(JSON.parse(page!.rejects![0]!.raw!)).to.include({ _id: 'a/runs/1' })
    await other.close()
  })

  it('are found by their names where the service splits collections', async () => {
    const asked: string[] = []
    const split: Record<string, string[]> = {
      agents: ['agents/a-b', 'agents/a', 'other/x/agents/y', 'agents/a/x/agents/y'],
      runs: ['agents/a/runs/5', 'other/x/runs/5', 'agents/__id7__/runs/1', 'agents/a!/runs/1']
    }
    const connection = {
      root,
      context: () => ({}),
      call: (_: string, { structuredQuery }: { structuredQuery: { from: readonly { collectionId: string }[] } }) => {
        const [{ collectionId }] = structuredQuery.from as [{ collectionId: string }]
        asked.push(collectionId)
        return Promise.resolve({
          partitions: split[collectionId]!.map(path => ({ values: [{ referenceValue: `${root}/${path}` }] })),
          nextPageToken: ''
        })
      }
    } as unknown as FirestoreConnection
    const queries = new CollectionQueries(connection, listeningLogger())
    expect(await queries.bounds('agents', { wanted: 10, below: ['runs', 'agents'] })).to.deep.equal([
      '__id7__/runs/1',
      'a',
      'a/runs/5',
      'a/x/agents/y',
      'a!/runs/1',
      'a-b'
    ])
    expect(asked).to.deep.equal(['agents', 'runs'])
    expect(await queries.bounds('agents', { wanted: 3, below: ['runs'] })).to.deep.equal(['a/runs/5', 'a!/runs/1'])
    expect(await queries.bounds('agents', { wanted: 10 })).to.deep.equal(['a', 'a-b'])
  })
})

describe('firestore: paths', () => {
  it('are ordered as Firestore orders names', () => {
    const shuffled = [...paths].sort()
    expect(shuffled).to.not.deep.equal(paths)
    expect(shuffled.sort(comparePaths)).to.deep.equal(paths)
  })

  it('have an odd number of names that Firestore takes', () => {
    const longest = 'x'.repeat(1500)
    for (const path of ['a/b/c', 'a/b/c/d/e', '__id7__/b/__id8__', `${longest}/${longest}/${longest}`])
      expect(isDocumentPath(path), path).to.equal(true)
    for (const path of [
      'a',
      'a/b',
      'a/b/c/d',
      '/b/c',
      'a//c',
      'a/b/',
      'a/../c',
      'a/__id7__/c',
      'a/b/__c__',
      `a/b/${longest}x`,
      'a/b/\ud800'
    ])
      expect(isDocumentPath(path), path).to.equal(false)
  })

  it('go down 100 documents', () => {
    expect(isDocumentPath(`${'a/b/'.repeat(99)}c`)).to.equal(true)
    expect(isDocumentPath(`${'a/b/'.repeat(100)}c`)).to.equal(false)
  })

  it('are ids as ever where nobody takes them for paths', () => {
    const refusal = storedId('a/b/c', { escapeNames: false })
    expect(refusal).to.include({ code: 'DOCFERRY_BAD_ID' })
    expect((refusal as { message: string }).message).to.contain('--subcollections')
    expect(storedId('a/b/c', { escapeNames: true })).to.equal('$%a%2Fb%2Fc')
    expect(storedId('a/b/c', { escapeNames: true, subcollections: true })).to.equal('a/b/c')
    expect(storedId('a/b', { escapeNames: true, subcollections: true })).to.equal('$%a%2Fb')
    expect(storedId('a/b', { escapeNames: false, subcollections: true })).to.include({ code: 'DOCFERRY_BAD_ID' })
  })
})

describe('firestore: subcollections as a target', () => {
  let options: FirestoreOptions
  beforeEach(async () => {
    options = await ownProject()
  })

  it('hold the documents whose ids are paths, beside their parents in one batch', async () => {
    const target = await openTarget(options, rules)
    const outcomes = await writeAll(target, 'agents', [{ _id: 'x' }, { _id: 'x/runs/y', n: 1 }, { _id: 'ghost/runs/y/steps/z' }])
    expect(outcomes).to.deep.equal(['written', 'written', 'written'])
    const tree = await treeOf(options)
    expect([...tree.keys()]).to.deep.equal(['agents/ghost/runs/y/steps/z', 'agents/x', 'agents/x/runs/y'])
    await target.close()
  })

  it('have in the field _id what a document is called there', async () => {
    const target = await openTarget(options, rules)
    await writeAll(target, 'agents', [{ _id: 'x/runs/y' }])
    expect((await treeOf(options)).get('agents/x/runs/y')).to.deep.equal({ _id: { stringValue: 'y' } })
    await target.close()
  })

  it('take paths as deep as Firestore does', async () => {
    const target = await openTarget(options, rules)
    expect(await writeAll(target, 'agents', [{ _id: `${'a/b/'.repeat(99)}c` }])).to.deep.equal(['written'])
    await target.close()
  })

  it('count to the size of a document with the whole path', async () => {
    const target = await openTarget(options, rules)
    const sizeOf = (_id: string): number => (target.encode('agents', { _id }) as { size: number }).size
    // The field _id is as long as before.
    expect(sizeOf('x/runs/y') - sizeOf('x')).to.equal('x/runs/y'.length - 1)
    await target.close()
  })

  it('make a collection one that is not empty', async () => {
    await writeTree(options, ['agents/ghost/runs/1'])
    const target = await openTarget(options, rules)
    expect(await target.prepare('agents', { create: false })).to.deep.equal({ created: false, empty: false, documents: 1 })
    expect(await target.prepare('agents2', { create: false })).to.deep.equal({ created: true, empty: true })
    await target.close()
  })

  it('are looked up, and changed, by path; what is below a removed document stays', async () => {
    await writeTree(options, ['agents/x', 'agents/x/runs/y', 'agents/x/runs/z'])
    const target = await openTarget(options, rules)
    expect(ids((await target.get('agents', ['x/runs/y', 'x/runs/none', 'none/runs/y'], {}))!)).to.deep.equal(['x/runs/y'])
    const held = await target.look!('agents', ['x', 'x/runs/y', 'x/runs'], {})
    expect(held.map(({ document }) => document._id).sort()).to.deep.equal(['x', 'x/runs/y'])
    expect(
      await target.change!(
        'agents',
        held.map(seen => ({ seen })),
        {}
      )
    ).to.deep.equal(['done', 'done'])
    expect([...(await treeOf(options)).keys()]).to.deep.equal(['agents/x/runs/z'])
    await target.close()
  })
})
