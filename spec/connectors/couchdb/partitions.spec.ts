import { expect } from 'chai'
import fc from 'fast-check'
import { between } from '../../../lib/connectors/couchdb/partitions.ts'
import { openSource, json, startStub } from './stub.ts'
import type { Stub } from './stub.ts'

describe('couchdb: partitions', () => {
  let stub: Stub
  before(async () => void (stub = await startStub()))
  beforeEach(() => void stub.asked.splice(0))
  after(() => stub.stop())

  const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

  /** Answers probes as CouchDB does, over these ids. */
  function serve(ids: readonly string[], rankOf = (rank: number): number => rank): void {
    const sorted = [...ids].sort(byBytes)
    stub.script = ({ query, body }) => {
      const given: Record<string, unknown> = body === '' ? {} : (JSON.parse(body) as Record<string, unknown>)
      for (const [name, value] of query) given[name] = JSON.parse(value)
      const {
        startkey,
        descending,
        endkey,
        skip = 0
      } = given as { startkey?: string; descending?: boolean; endkey?: string; skip?: number }
      const order = descending ? [...sorted].reverse() : sorted
      const from = order.findIndex(id => startkey === undefined || (descending ? byBytes(id, startkey) <= 0 : byBytes(id, startkey) >= 0))
      const found = from === -1 ? undefined : order[from + skip]
      const inside = found !== undefined && (endkey === undefined || byBytes(found, endkey) < 0)
      return json({ total_rows: ids.length, offset: rankOf(sorted.indexOf(found ?? '')), rows: inside ? [{ id: found }] : [] })
    }
  }

  async function boundaries(wanted: number): Promise<string[]> {
    const source = await openSource({ url: stub.url })
    const partitions = await source.partitions(['d'], { wanted })
    await source.close()
    expect(partitions[0]?.range?.['start']).to.equal(null)
    expect(partitions.at(-1)?.range?.['end']).to.equal(null)
    for (const [index, { range }] of partitions.entries())
      if (index > 0) expect(range?.['start']).to.equal(partitions[index - 1]?.range?.['end'])
    return partitions.slice(1).map(({ range }) => range?.['start'] as string)
  }

  const shapes: Readonly<Record<string, (index: number) => string>> = {
    UUIDs: index => `${((index * 2654435761) % 2 ** 32).toString(16).padStart(8, '0')}-4c`,
    'one long prefix': index => `session_2026-11-21T00:00:00.000Z_${String(index).padStart(7, '0')}`,
    'two crowds far apart': index => (index % 2 ? `a${index}` : `zzzzzzzzzzzzzzzzzzzzzzzzz${index}`),
    'outliers at both ends': index => (index === 0 ? ' ' : index === 1 ? '😀' : `user_google_${index}`),
    'many scripts': index => String.fromCodePoint(0x4e00 + (index % 5000)) + index,
    'ids of many lengths': index => 'x'.repeat(index % 20) + index
  }
  for (const [shape, idOf] of Object.entries(shapes)) {
    it(`are about equal for ${shape}, with few requests`, async () => {
      const ids = Array.from({ length: 8000 }, (_, index) => idOf(index))
      const sorted = [...ids].sort(byBytes)
      serve(ids)
      const ranks = (await boundaries(4)).map(id => sorted.indexOf(id))
      for (const [index, rank] of ranks.entries()) expect(rank).to.be.within(2000 * (index + 1) - 101, 2000 * (index + 1) + 101)
      expect(ranks).to.have.length(3)
      expect(stub.asked.length).to.be.below(100)
    })
  }

  it('are fewer for a small database', async () => {
    serve(Array.from({ length: 900 }, (_, index) => `a${index}`))
    expect(await boundaries(8)).to.deep.equal([])
    serve([])
    expect(await boundaries(8)).to.deep.equal([])
  })

  it('are two where ranks are not to be had, and nothing is walked over to find them', async () => {
    const ids = Array.from({ length: 4000 }, (_, index) => (index < 3 ? `_design/${index}` : `doc-${String(index).padStart(6, '0')}`))
    serve(ids, () => 0)
    const [boundary, ...others] = await boundaries(4)
    expect(others).to.deep.equal([])
    expect(ids.indexOf(boundary!)).to.be.within(500, 3500)
    expect(Math.max(...stub.asked.map(({ query }) => Number(query.get('skip') ?? 0)))).to.be.at.most(50)
  })

  it("fall back to one where the order of the boundaries is not the server's", async () => {
    const ids = Array.from({ length: 8000 }, (_, index) => `a${String(index).padStart(5, '0')}`)
    serve(ids)
    const script = stub.script
    stub.script = (asked, number) => (asked.query.has('endkey') ? json({ total_rows: 8000, offset: 0, rows: [] }) : script(asked, number))
    expect(await boundaries(4)).to.deep.equal([])
  })

  it('lie between, in the order of bytes', () => {
    const id = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 5 }).filter(text => !/\p{Surrogate}/u.test(text))
    fc.assert(
      fc.property(id, id, (a, b) => {
        const [low, high] = byBytes(a, b) < 0 ? [a, b] : [b, a]
        const middle = between(low, high)
        expect(byBytes(middle, high)).to.be.at.most(low === high || high.startsWith(low) ? 1 : 0)
        expect(Buffer.from(middle).toString()).to.equal(middle)
      })
    )
  })
})
