import { expect } from 'chai'
import type { FirestoreConnection } from '../../../lib/connectors/firestore/client.ts'
import { CollectionQueries } from '../../../lib/connectors/firestore/collection-queries.ts'
import { listeningLogger, root } from './support.ts'

interface PartitionRequest {
  readonly structuredQuery: { readonly from: readonly [{ readonly collectionId: string }] }
  readonly partitionCount: number
  readonly pageToken: string
}

/** A service that splits all collections of a name at these documents, two to a page. */
function splitting(at: Readonly<Record<string, readonly string[]>>): { queries: CollectionQueries; asked: PartitionRequest[] } {
  const asked: PartitionRequest[] = []
  const call = (_method: string, request: PartitionRequest): Promise<object> => {
    asked.push(request)
    const names = at[request.structuredQuery.from[0].collectionId] ?? []
    const start = Number(request.pageToken)
    const partitions = names.slice(start, start + 2).map(name => ({ values: [{ referenceValue: `${root}/${name}` }] }))
    return Promise.resolve({ partitions, nextPageToken: start + 2 < names.length ? String(start + 2) : '' })
  }
  const connection = { root, call, context: () => ({}) } as unknown as FirestoreConnection
  return { queries: new CollectionQueries(connection, listeningLogger()), asked }
}

describe('firestore: bounds of partitions', () => {
  it('are where the service splits the collection itself, in the order of their names', async () => {
    const { queries, asked } = splitting({ things: ['things/m', 'other/x/things/y', 'things/c', 'things/x', 'thingses/z'] })
    expect(await queries.bounds('things', { wanted: 4 })).to.deep.equal(['c', 'm', 'x'])
    expect(asked.map(({ partitionCount }) => partitionCount)).to.deep.equal([3, 3, 3])
    expect(queries.documentReads).to.equal(3)
  })

  it('are also in its subcollections where these are read', async () => {
    const at = { things: ['things/c', 'other/x/things/y'], runs: ['things/c/runs/5', 'things/a/runs/9', 'other/x/runs/1'] }
    const options = { wanted: 4, below: ['runs'] }
    expect(await splitting(at).queries.bounds('things', options)).to.deep.equal(['a/runs/9', 'c', 'c/runs/5'])
  })

  it('are no more than are wanted, evenly among those that there are', async () => {
    const things = Array.from({ length: 9 }, (_, index) => `things/${index + 1}`)
    expect(await splitting({ things }).queries.bounds('things', { wanted: 4 })).to.deep.equal(['3', '5', '7'])
  })
})

interface CountRequest {
  readonly readTime?: object
  readonly structuredAggregationQuery: { readonly structuredQuery: { readonly from: readonly [{ readonly allDescendants?: boolean }] } }
}

/** A service that counts 2 in a collection and 5 with what lies below, at 12:00 where nothing else is asked. It answers when it was asked `atOnce` times. */
function counting(atOnce: number, { hasMoment = true } = {}): { queries: CollectionQueries; asked: CountRequest[] } {
  const asked: CountRequest[] = []
  const waiting: (() => void)[] = []
  const collectObjects = async (method: string, request: CountRequest): Promise<object[]> => {
    if (method === 'BatchGetDocuments') {
      if (!hasMoment) throw new Error('not for you')
      return [{ readTime: { seconds: '11' } }]
    }
    asked.push(request)
    await new Promise<void>(resolve => {
      waiting.push(resolve)
      if (waiting.length === atOnce) waiting.splice(0).forEach(go => go())
    })
    const [{ allDescendants }] = request.structuredAggregationQuery.structuredQuery.from
    return [
      { result: { aggregateFields: { n: { integerValue: allDescendants ? '5' : '2' } } }, readTime: request.readTime ?? { seconds: '12' } }
    ]
  }
  const connection = { root, database: 'd', collectObjects, context: () => ({}) } as unknown as FirestoreConnection
  return { queries: new CollectionQueries(connection, listeningLogger()), asked }
}

describe('firestore: counts', () => {
  it('of a collection, and of what lies below, are asked side by side where a moment is known', async () => {
    const { queries, asked } = counting(2)
    const moment = await queries.moment(undefined)
    expect(await queries.counts('things', { signal: undefined, moment })).to.deep.equal({ own: 2, all: 5 })
    expect(asked.map(({ readTime }) => readTime)).to.deep.equal([{ seconds: '11' }, { seconds: '11' }])
    expect(queries.documentReads).to.equal(3)
  })

  it('are of the moment of the first where none can be had', async () => {
    const { queries, asked } = counting(1, { hasMoment: false })
    const moment = await queries.moment(undefined)
    expect(await queries.counts('things', { signal: undefined, moment })).to.deep.equal({ own: 2, all: 5 })
    expect(asked.map(({ readTime }) => readTime)).to.deep.equal([undefined, { seconds: '12' }])
  })
})
