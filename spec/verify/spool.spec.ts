import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { documentDigests, Double } from '../../lib/values/index.ts'
import type { Document } from '../../lib/values/index.ts'
import { compareId } from '../../lib/verify/compare.ts'
import { Spool } from '../../lib/verify/spool.ts'
import type { SpooledId } from '../../lib/verify/spool.ts'
import type { Side } from '../../lib/verify/report.ts'

describe('verify: what is kept of documents that differ', () => {
  let folder: string
  let spool: Spool
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'docferry-spool-'))
    spool = new Spool(folder, { documents: 10 })
  })
  afterEach(() => {
    spool.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const add = (side: Side, ...documents: readonly Document[]): void => {
    for (const document of documents) spool.add('a', side, document, documentDigests(document))
  }
  const ids = async (): Promise<SpooledId[]> => {
    const found: SpooledId[] = []
    for await (const each of spool.ids()) found.push(each)
    return found
  }
  const verdict = async () => compareId((await ids())[0]!)

  it('gives back ids with whatever cuts lines elsewhere', async () => {
    const odd = ['\u2028', 'a\u2029b', '\u0085', '\r\n', '\n', '\v\f']
    for (const _id of odd) add('source', { _id, text: _id })
    const found = await ids()
    expect(found.map(({ id }) => id)).to.deep.equal(odd)
    expect(found.map(({ source }) => spool.textOf(source.last!))).to.deep.equal(odd.map(_id => ({ _id, text: _id })))
  })

  it('compares ids that are repeated by their documents, in any order, each as often', async () => {
    add('source', { _id: 'x', n: 1 }, { _id: 'x', n: 2 }, { _id: 'x', n: 1 })
    add('target', { _id: 'x', n: 2 }, { _id: 'x', n: 1 }, { _id: 'x', n: 1 })
    expect(await verdict()).to.deep.equal({ kind: 'equal', repeats: false })
  })

  it('tells those apart that hold the same documents, each another number of times', async () => {
    add('source', { _id: 'x', n: 1 }, { _id: 'x', n: 2 }, { _id: 'x', n: 1 })
    add('target', { _id: 'x', n: 2 }, { _id: 'x', n: 1 }, { _id: 'x', n: 2 })
    expect(await verdict()).to.deep.equal({ kind: 'repeated', times: 3 })
  })

  it('finds the one document of the target among those of the source', async () => {
    add('source', { _id: 'x', n: 1 }, { _id: 'x', n: 2 }, { _id: 'x', n: 3 })
    add('target', { _id: 'x', n: 2 })
    expect(await verdict()).to.deep.equal({ kind: 'equal', repeats: true })
  })

  it('does not find it where only the kind of a number is the same', async () => {
    add('source', { _id: 'x', n: 1 }, { _id: 'x', n: 2 })
    add('target', { _id: 'x', n: new Double(2) })
    expect(await verdict()).to.deep.equal({ kind: 'different' })
  })

  it('gives each id once, though more than fit into memory at once', async () => {
    spool.close()
    rmSync(folder, { recursive: true })
    mkdirSync(folder)
    spool = new Spool(folder, { documents: 10, atOnce: 7 })
    const names = Array.from({ length: 100 }, (_, n) => `d${n}`)
    for (const _id of names) {
      add('source', { _id, n: 1 }, { _id, n: 2 })
      add('target', { _id, n: 3 })
    }
    const found = await ids()
    expect(found.map(({ id }) => id)).to.have.members(names)
    expect(found).to.have.length(100)
    for (const { source, target } of found) expect([source.count, target.count]).to.deep.equal([2, 1])
  })

  it('keeps one document whole of those of an id, and is done in no time', async function () {
    this.timeout(20_000)
    const documents = Array.from({ length: 20_000 }, (_, n): Document => ({ _id: 'x', n }))
    add('source', ...documents)
    add('target', ...documents.map((document): Document => ({ ...document, n: -1 - (document['n'] as number) })))
    const [held] = await ids()
    expect([held!.source.count, held!.target.count]).to.deep.equal([20_000, 20_000])
    expect(spool.textOf(held!.source.last!)).to.deep.equal(documents.at(-1))
    const before = performance.now()
    expect(compareId(held!)).to.deep.equal({ kind: 'different', times: 20_000 })
    expect(performance.now() - before).to.be.lessThan(2_000)
  })
})
