import { expect } from 'chai'
import type { Replicator } from '../../lib/contracts/replication.ts'
import { DocferryError } from '../../lib/errors.ts'
import { openReplicator } from '../../lib/open.ts'
import type { ReplicateOptions } from '../../lib/replicate/options.ts'
import { totalReplicationCounts } from '../../lib/replicate/report.ts'
import { createCouchdbUser } from '../support/servers.ts'
import { replicatingBench } from './support.ts'

async function failureOf(work: Promise<unknown>): Promise<DocferryError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown
  )
  if (error instanceof DocferryError) return error
  throw new Error('it did not fail as it should', { cause: error })
}

describe('replicate', function () {
  // The real server waits some seconds before it begins.
  this.timeout(90_000)
  const bench = replicatingBench()
  const { ask, put, run } = bench
  const idsIn = async (database: string): Promise<unknown[]> => {
    const { rows } = await ask(`${database}/_all_docs`)
    return (rows as { id: string }[]).map(({ id }) => id)
  }

  it('keeps revisions, conflicts, deletions, attachments and design documents, and leaves no document on the server', async () => {
    await put('a', { n: 1 })
    const gone = await put('gone', {})
    await ask(`${bench.source}/gone?rev=${gone}`, { method: 'DELETE' })
    await ask(`${bench.source}/_bulk_docs`, {
      method: 'POST',
      body: JSON.stringify({ new_edits: false, docs: [{ _id: 'a', _rev: '1-0', n: 2 }] })
    })
    await put('file', { _attachments: { 'a.txt': { content_type: 'text/plain', data: Buffer.from('hello').toString('base64') } } })
    await put('_design/d', { views: {} })
    const { state, collections } = await run()
    expect(state).to.equal('done')
    expect(collections[0]).to.include({ created: true, isKept: false, state: 'completed', before: 0 })
    expect(collections[0]!.counts).to.include({ documentsWritten: 5, writeFailures: 0 })
    expect(collections[0]!.revisions).to.deep.include({ documents: 4, deleted: 1, branched: 1, revisions: 5, missing: 0 })
    expect(collections[0]!.verified).to.include({ state: 'equal' })
    const of = async (database: string) =>
      await Promise.all(['a?conflicts=true', 'file', '_design/d'].map(path => ask(`${database}/${path}`)))
    expect(await of(bench.target)).to.deep.equal(await of(bench.source))
    const answer = await ask(`${bench.target}/file?attachments=true`)
    expect(answer['_attachments']).to.have.nested.property('a\\.txt.data', Buffer.from('hello').toString('base64'))
    expect(await ask(`${bench.target}/gone`)).to.include({ reason: 'deleted' })
    expect(await ask(`_replicator/${collections[0]!.id}`)).to.include({ error: 'not_found' })
  })

  it('replicates what a selector fits, and compares no more than that', async () => {
    await put('a', { n: 1 })
    await put('b', { n: 2 })
    const { state, collections } = await run({ selector: { n: { $gt: 1 } } })
    expect(state).to.equal('done')
    expect(collections[0]!.verified!.collections[0]).to.include({ sourceDocuments: 1, equal: 1, beside: 0 })
    expect(await idsIn(bench.target)).to.deep.equal(['b'])
  })

  it('refuses a selector that the source does not understand, with the place, before anything is created', async () => {
    const { code, message } = await failureOf(run({ selector: { $and: [{ n: { $larger: 1 } }] } }))
    expect({ code, message: message.split(';')[0] }).to.deep.equal({
      code: 'DOCFERRY_CONFIG',
      message: 'selector at $and.0.n.$larger: Invalid operator: $larger'
    })
    expect(await ask(bench.target)).to.include({ error: 'not_found' })
  })

  it('replicates documents by their ids, also those that look percent-encoded', async () => {
    for (const id of ['a', 'b', 'c+d', 'e%41']) await put(id, {})
    const { state } = await run({ ids: ['b', 'c+d', 'e%41'] })
    expect(state).to.equal('done')
    expect(await idsIn(bench.target)).to.deep.equal(['b', 'c+d', 'e%41'])
  })

  it('is partial where an id that was named is nowhere in the source, not where it is deleted there', async () => {
    await put('a', {})
    const gone = await put('gone', {})
    await ask(`${bench.source}/gone?rev=${gone}`, { method: 'DELETE' })
    const { state, unknownIds } = await run({ ids: ['a', 'gone', 'not there'] })
    expect(state).to.equal('partial')
    expect(unknownIds).to.deep.equal({ count: 1, examples: ['not there'] })
    expect(await idsIn(bench.target)).to.deep.equal(['a'])
  })

  it('waits for an id that is not in the source where it goes on', async () => {
    await put('a', {})
    const { state, unknownIds } = await run({ ids: ['a', 'later'], continuous: true })
    expect({ state, unknownIds }).to.deep.equal({ state: 'done', unknownIds: { count: 1, examples: ['later'] } })
  })

  describe('into a database that holds documents', () => {
    const inTarget = (id: string, body: object): Promise<unknown> =>
      ask(`${bench.target}/${id}`, { method: 'PUT', body: JSON.stringify(body) })
    beforeEach(() => ask(bench.target, { method: 'PUT' }))

    it('is different where the target alone serves one', async () => {
      await put('a', {})
      await inTarget('own', {})
      const { state, notes, collections } = await run()
      expect(state).to.equal('different')
      expect(collections[0]!.verified!.collections[0]).to.include({ equal: 1, beside: 0, extra: 1 })
      expect(collections[0]!.onlyInTarget).to.include({ documents: 0, revisions: 0 })
      expect(notes.join()).to.include('the target held documents already').and.to.include('is a difference')
    })

    it('lets documents of which the source knows nothing be there on request', async () => {
      await put('a', {})
      await inTarget('own', {})
      const { state, collections } = await run({ allowExtra: true })
      expect(state).to.equal('done')
      expect(collections[0]!.verified!.collections[0]).to.include({ equal: 1, beside: 1, extra: 0 })
    })

    for (const [how, options] of [
      ['whole', {}],
      ['merged', { allowExtra: true }],
      ['by ids', { ids: ['a', 'gone'] }]
    ] as const) {
      it(`is different where the target serves what the source has deleted: ${how}`, async () => {
        await put('a', {})
        const gone = await put('gone', { n: 1 })
        await ask(`${bench.source}/gone?rev=${gone}`, { method: 'DELETE' })
        await inTarget('gone', { n: 2 })
        const { state, collections } = await run(options)
        expect(state).to.equal('different')
        expect(collections[0]!.revisions).to.include({ missing: 0, deleted: 1 })
        expect(collections[0]!.onlyInTarget).to.deep.include({ documents: 1, revisions: 1, undeleted: 1, undeletedExamples: ['gone'] })
      })
    }

    it('is different where a revision of its own wins and holds something else', async () => {
      await put('a', { n: 1 })
      await inTarget('a', { n: 2 })
      const { _rev } = await ask(`${bench.target}/a`)
      await inTarget('a', { _rev, n: 3 })
      const { state, collections } = await run()
      expect(state).to.equal('different')
      expect(collections[0]!.onlyInTarget).to.deep.include({ documents: 1, served: 1, undeleted: 0, examples: ['a'] })
      expect(collections[0]!.verified!.collections[0]).to.include({ different: 1 })
    })

    it('counts conflicts that only the target has, where both serve the same', async () => {
      const at = await put('a', { n: 1 })
      await put('a', { _rev: at, n: 2 })
      await inTarget('a', { n: 3 })
      const { state, collections } = await run()
      expect(state).to.equal('done')
      expect(collections[0]!.onlyInTarget).to.deep.include({ documents: 1, revisions: 1, served: 0, undeleted: 0, examples: ['a'] })
    })

    it('is different where a revision of its own lacks an attachment', async () => {
      await put('a', { n: 1, _attachments: { 'a.txt': { content_type: 'text/plain', data: 'aGVsbG8=' } } })
      await inTarget('a', {})
      const { _rev } = await ask(`${bench.target}/a`)
      await inTarget('a', { _rev, n: 1 })
      const { state, collections } = await run()
      expect(collections[0]!.onlyInTarget).to.include({ documents: 1, served: 1 })
      expect(state).to.equal('different')
    })
  })

  it('is partial where the target refuses documents, also when it is asked again, until it holds them', async () => {
    const user = await createCouchdbUser()
    try {
      for (const id of ['a', 'b', 'c']) await put(id, { id })
      await ask(bench.target, { method: 'PUT' })
      const validate = "function(doc) { if (doc.id === 'b') throw {forbidden: 'not this one'} }"
      await ask(`${bench.target}/_design/v`, { method: 'PUT', body: JSON.stringify({ validate_doc_update: validate }) })
      await ask(`${bench.target}/_security`, {
        method: 'PUT',
        body: JSON.stringify({ members: { names: [user.user], roles: [] }, admins: {} })
      })
      const target = { connector: 'couchdb', options: { url: bench.server.url, user: user.user, password: user.password } } as const
      const { state, collections } = await run({ target, on: bench.end, allowExtra: true })
      expect(totalReplicationCounts(collections)).to.include({ documentsWritten: 2, writeFailures: 1 })
      expect(collections[0]!.revisions).to.deep.include({ missing: 1, examples: ['b'] })
      expect(state).to.equal('partial')
      for (const transient of [false, true]) {
        const again = await run({ target, on: bench.end, transient, verify: false })
        expect(again.state, `transient: ${transient}`).to.equal('partial')
      }
      const { _rev } = await ask(`${bench.target}/_design/v`)
      await ask(`${bench.target}/_design/v?rev=${_rev as string}`, { method: 'DELETE' })
      const b = await ask(`${bench.source}/b?revs=true`)
      await ask(`${bench.target}/_bulk_docs`, { method: 'POST', body: JSON.stringify({ new_edits: false, docs: [b] }) })
      expect(await run({ target, on: bench.end, allowExtra: true })).to.include({ state: 'done' })
    } finally {
      await user.remove()
    }
  })

  it('catches up, goes on by itself, is joined by the same command, and cancelled', async () => {
    await put('a', {})
    const first = await run({ continuous: true })
    const { id, state, isKept } = first.collections[0]!
    expect({ report: first.state, state, isKept }).to.deep.equal({ report: 'done', state: 'caught up', isKept: true })
    await put('b', {})
    const again = await run({ continuous: true })
    expect(again.collections[0]).to.include({ id, how: 'joined', state: 'caught up' })
    expect(again.collections[0]!.verified!.collections[0]).to.include({ equal: 2 })
    const replicator = await bench.open()
    try {
      expect(await replicator.look(id!, {})).to.include({ state: 'running', continuous: true, transient: false })
      expect(await replicator.cancel(id!, {})).to.include({ id })
      expect(await replicator.look(id!, {})).to.include({ state: 'gone' })
      expect(await replicator.cancel(id!, {})).to.equal(undefined)
    } finally {
      await replicator.close()
    }
  })

  describe('beside another docferry', () => {
    const request = () => ({ source: bench.source, target: bench.target, continuous: false, transient: false })
    const both = async (work: (one: Replicator, other: Replicator) => Promise<void>): Promise<void> => {
      const opened = await Promise.all([openBetween(), openBetween()])
      try {
        await work(...opened)
      } finally {
        for (const replicator of opened) await replicator.close()
      }
    }
    const openBetween = () => openReplicator({ on: bench.end, source: bench.end, target: bench.end })
    const completed = async (replicator: Replicator, id: string): Promise<void> => {
      while ((await replicator.look(id, {})).state !== 'completed') await new Promise(resolve => setTimeout(resolve, 20))
    }

    it('is done by both, whoever sees the end first and removes what asked for it', async () => {
      for (let n = 0; n < 20; n++) await put(`d${n}`, { n })
      const reports = await Promise.all([run(), run({ pollMs: 333 }), run({ pollMs: 71 })])
      expect(reports.map(({ state }) => state)).to.deep.equal(['done', 'done', 'done'])
      for (const { collections } of reports) expect(collections[0]).to.include({ state: 'completed', isKept: false })
      const { rows } = await ask('_replicator/_all_docs')
      expect((rows as { id: string }[]).filter(({ id }) => id.includes(bench.source))).to.deep.equal([])
    })

    it('is begun by one where two begin at the same moment', async () => {
      await both(async (one, other) => {
        const begun = await Promise.all([
          one.begin({ ...request(), continuous: true }, {}),
          other.begin({ ...request(), continuous: true }, {})
        ])
        expect(begun.map(({ how }) => how)).to.have.members(['begun', 'joined'])
        expect(begun[0].id).to.equal(begun[1].id)
      })
    })

    it('leaves word of how it ended with what asked for it, and nothing of where', async () => {
      await put('a', {})
      await ask(bench.target, { method: 'PUT' })
      await both(async (one, other) => {
        const { id } = await one.begin(request(), {})
        await completed(one, id)
        await one.cancel(id, { sparing: true })
        const { state, counts } = (await other.ending(id, {}))!
        expect(state).to.equal('completed')
        expect(counts).to.include({ documentsWritten: 1, writeFailures: 0 })
        const left = JSON.stringify(await ask(`_replicator/${id}?open_revs=all`))
        expect(left).to.include('_deleted').and.not.to.include('http').and.not.to.include(bench.server.password)
      })
    })

    it('tells of no end where one is cancelled before it', async () => {
      await ask(bench.target, { method: 'PUT' })
      await both(async (one, other) => {
        const { id } = await one.begin({ ...request(), continuous: true }, {})
        await other.cancel(id, {})
        expect(await one.look(id, {})).to.include({ state: 'gone' })
        expect(await one.ending(id, {})).to.equal(undefined)
        expect(await one.ending(`${id}-never`, {})).to.equal(undefined)
      })
    })

    it('spares what another has begun anew, and removes its own', async () => {
      await ask(bench.target, { method: 'PUT' })
      await both(async (one, other) => {
        const { id } = await one.begin({ ...request(), continuous: true }, {})
        await other.cancel(id, {})
        await other.begin({ ...request(), continuous: true }, {})
        expect(await one.cancel(id, { sparing: true })).to.equal(undefined)
        expect(await ask(`_replicator/${id}`)).to.include({ continuous: true })
        expect(await other.cancel(id, { sparing: true })).to.include({ id })
        expect(await ask(`_replicator/${id}`)).to.include({ error: 'not_found' })
      })
    })
  })

  it('goes on following what it has caught up with until it is interrupted, and leaves it to the server', async () => {
    await put('a', {})
    const stop = new AbortController()
    let report: Awaited<ReturnType<typeof run>> | undefined
    const observe = (seen: NonNullable<typeof report>): void => void (report = seen)
    const ended = failureOf(run({ continuous: true, follow: true, verify: false, signal: stop.signal, observe }))
    while (report?.phase !== 'following') await new Promise(resolve => setImmediate(resolve))
    await put('b', {})
    while (report.collections[0]!.counts.documentsWritten < 2) await new Promise(resolve => setImmediate(resolve))
    stop.abort()
    const { code, message } = await ended
    expect(code).to.equal('DOCFERRY_INTERRUPTED')
    expect(message).to.include(`the server goes on with ${report.collections[0]!.id}`)
    expect(await ask(`_replicator/${report.collections[0]!.id}`)).to.include({ continuous: true })
  })

  it('writes the document anew where the same was asked for by another user', async () => {
    const user = await createCouchdbUser()
    try {
      await put('a', {})
      const first = await run({ continuous: true, verify: false })
      const { id } = first.collections[0]!
      const { _rev, ...document } = await ask(`_replicator/${id}`)
      await ask(`_replicator/${id}?rev=${String(_rev)}`, { method: 'DELETE' })
      const source = { ...(document['source'] as object), auth: { basic: { username: user.user, password: user.password } } }
      await ask(`_replicator/${id}`, { method: 'PUT', body: JSON.stringify({ source, target: document['target'], continuous: true }) })
      const again = await run({ continuous: true, verify: false })
      expect(again.collections[0]).to.include({ id, how: 'renewed', state: 'caught up' })
    } finally {
      await user.remove()
    }
  })

  it('returns at once where nobody waits, and compares nothing', async () => {
    await put('a', {})
    const { state, collections } = await run({ wait: false })
    expect(state).to.equal('begun')
    expect(collections[0]).to.include({ isKept: true, how: 'begun' }).and.not.to.have.property('verified')
  })

  for (const transient of [false, true]) {
    it(`ends soon where the server does not reach the other one${transient ? ', without a document' : ''}, tells no password, leaves nothing`, async () => {
      const { code, message } = await failureOf(run({ sourceUrl: 'http://127.0.0.1:9', transient }))
      expect(code).to.equal('DOCFERRY_CONNECT')
      expect(message).to.include('--source-url').and.not.to.include(bench.server.password)
      const { rows } = await ask('_replicator/_all_docs')
      expect((rows as { id: string }[]).filter(({ id }) => id.includes(bench.source))).to.deep.equal([])
    })
  }

  it('leaves no document where it is transient, and gives the same counts', async () => {
    for (const id of ['a', 'b']) await put(id, {})
    const { state, collections } = await run({ transient: true })
    expect(state).to.equal('done')
    expect(collections[0]).to.include({ isKept: false, state: 'completed' })
    expect(collections[0]!.counts).to.include({ documentsRead: 2, documentsWritten: 2 })
  })

  it('cancels what is transient and continuous when it is interrupted', async () => {
    await put('a', {})
    const stop = new AbortController()
    const observe = (seen: Readonly<{ collections: readonly { id?: string }[] }>): void => {
      const look = (): void => (seen.collections[0]!.id === undefined ? void setImmediate(look) : stop.abort())
      look()
    }
    const { code, message } = await failureOf(run({ transient: true, continuous: true, signal: stop.signal, observe }))
    expect(code).to.equal('DOCFERRY_INTERRUPTED')
    expect(message).to.include('what was under way is cancelled')
    const replicator = await bench.open()
    try {
      const left = (await replicator.list({})).filter(({ source }) => source.endsWith(bench.source))
      expect(left).to.deep.equal([])
    } finally {
      await replicator.close()
    }
  })

  it('refuses a user who is no admin of the server that replicates', async () => {
    const user = await createCouchdbUser()
    try {
      const on = { connector: 'couchdb', options: { url: bench.server.url, user: user.user, password: user.password } } as const
      const { code, message } = await failureOf(run({ on }))
      expect(code).to.equal('DOCFERRY_PERMISSION')
      expect(message).to.include('only an admin')
    } finally {
      await user.remove()
    }
  })

  it('names what there is where a database that was named is not there', async () => {
    const asked: readonly Partial<ReplicateOptions>[] = [{ collections: ['nope'], rename: {} }, { rename: { nope: 'there' } }]
    for (const options of asked) {
      const { code, message } = await failureOf(run(options))
      expect(code).to.equal('DOCFERRY_NO_SUCH_COLLECTION')
      expect(message).to.include('has no collection nope; it holds ').and.not.to.include('it holds no ')
    }
  })

  it('says that a user may not list what there is, where a database that was named is not there', async () => {
    const user = await createCouchdbUser()
    try {
      const source = { connector: 'couchdb', options: { url: bench.server.url, user: user.user, password: user.password } } as const
      const { code, message } = await failureOf(run({ source, collections: ['nope'], rename: {} }))
      expect(code).to.equal('DOCFERRY_NO_SUCH_COLLECTION')
      expect(message).to.include('has no collection nope; this user may not list what it has')
    } finally {
      await user.remove()
    }
  })

  it('lets another database that is there be renamed beside', async () => {
    await put('a', {})
    const other = `${bench.source}-other`
    await ask(other, { method: 'PUT' })
    try {
      expect(await run({ rename: { [bench.source]: bench.target, [other]: 'elsewhere' } })).to.include({ state: 'done' })
    } finally {
      await ask(other, { method: 'DELETE' })
    }
  })

  it('refuses a target that is missing where none is to be created', async () => {
    const { code, message } = await failureOf(run({ createTarget: false }))
    expect(code).to.equal('DOCFERRY_TARGET')
    expect(message).to.include(bench.target)
  })

  it('refuses ends that do not replicate', async () => {
    expect(await failureOf(run({ source: 'memory:snapshot.json' }))).to.include({ code: 'DOCFERRY_CONFIG' })
  })

  it('names every option that makes no sense, and repeats no address', async () => {
    const wrong = { selector: { a: 1 }, ids: ['a'], follow: true, sourceUrl: 'http://u:secretword@host', shards: 0 }
    const { code, message } = await failureOf(run(wrong))
    expect(code).to.equal('DOCFERRY_CONFIG')
    for (const words of ['selector and ids', 'follow', 'sourceUrl', 'shards']) expect(message).to.include(words)
    expect(message).not.to.include('secretword')
  })
})
