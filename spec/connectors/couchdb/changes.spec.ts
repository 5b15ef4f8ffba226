import { expect } from 'chai'
import type { Change, ChangeOutcome, Document, Encoded, Held, Target } from '../../../lib/types.ts'
import { basicAuth, servers, uniqueName } from '../../support/servers.ts'
import { pouchdbUrl } from './pouchdb-server.ts'
import { allDocs, document, errorOf, json, openTarget, startStub } from './stub.ts'
import type { Asked, Stub } from './stub.ts'

type Changing = Required<Target<string>>

const seen = (id: string, revision = '1-a'): Held => ({ document: { _id: id }, version: { id, revision } })
const removal = (id: string): Change<string> => ({ seen: seen(id) })
const put = (id: string): Encoded<string> => ({ id, payload: `{"_id":${JSON.stringify(id)},"n":1}`, bytes: 20 })
const codeOf = (outcome: ChangeOutcome | undefined): string | undefined => (typeof outcome === 'object' ? outcome.code : outcome)

const infoOf = (doc_count: number) => json({ db_name: 'docs', doc_count })

function sentIn({ body }: Asked): readonly { readonly _id: string; readonly _rev?: string; readonly _deleted?: boolean }[] {
  return (JSON.parse(body) as { docs: { _id: string }[] }).docs
}

describe('couchdb: changes', () => {
  let stub: Stub
  let target: Changing

  beforeEach(async () => {
    stub = await startStub()
    target = (await openTarget({ url: stub.url })) as Changing
  })
  afterEach(async () => {
    await target.close()
    await stub.stop()
  })

  it('names the revision that was seen, and leaves a tombstone of what is removed', async () => {
    stub.script = () =>
      json(
        [
          { ok: true, id: 'a', rev: '2-b' },
          { ok: true, id: 'b', rev: '2-b' }
        ],
        201
      )
    expect(await target.change('docs', [removal('a'), { seen: seen('b', '7-x'), put: put('b') }], {})).to.deep.equal(['done', 'done'])
    expect(stub.asked.map(sentIn)).to.deep.equal([
      [
        { _id: 'a', _rev: '1-a', _deleted: true },
        { _id: 'b', _rev: '7-x', n: 1 }
      ]
    ])
  })

  it('tells a refusal apart from a change by somebody else', async () => {
    stub.script = () =>
      json(
        [
          { id: 'a', error: 'conflict' },
          { id: 'b', error: 'forbidden', reason: 'no' },
          { id: 'c', error: 'not_found' }
        ],
        201
      )
    const outcomes = await target.change('docs', ['a', 'b', 'c'].map(removal), {})
    expect(outcomes.map(codeOf)).to.deep.equal(['changed', 'DOCFERRY_REFUSED', 'changed'])
  })

  it('isolates a document for which the whole batch is refused', async () => {
    stub.script = asked => {
      const sent = sentIn(asked)
      if (sent.some(({ _id }) => _id === 'bad')) return json({ error: 'document_too_large' }, 413)
      return json(
        sent.map(({ _id }) => ({ ok: true, id: _id, rev: '2-b' })),
        201
      )
    }
    const ids = ['a', 'b', 'bad', 'c', 'd']
    const outcomes = await target.change(
      'docs',
      ids.map(id => ({ seen: seen(id), put: put(id) })),
      {}
    )
    expect(outcomes.map(codeOf)).to.deep.equal(['done', 'done', 'DOCFERRY_TOO_LARGE', 'done', 'done'])
  })

  it('throws what may be tried again, with the wait, when the server asks for less', async () => {
    stub.script = () => json({ error: 'too_many_requests' }, 429, { 'retry-after': '2' })
    const error = await errorOf(target.change('docs', [removal('a')], {}))
    expect(error).to.include({ code: 'DOCFERRY_THROTTLED', retryable: true, retryAfterMs: 2_000 })
    expect(stub.asked).to.have.length(1)
  })

  it('does not take a document for removed that it can’t read', async () => {
    const deep = `${'['.repeat(2_000)}${']'.repeat(2_000)}`
    stub.script = () => ({ body: allDocs([document('a', `"big":1.0,"deep":${deep}`)]) })
    expect(await errorOf(target.look('docs', ['a'], {}))).to.include({ code: 'DOCFERRY_DECODE', retryable: false })
  })

  it('takes removed documents for removed', async () => {
    const rows = [
      { id: 'a', key: 'a', value: { rev: '2-b', deleted: true }, doc: null },
      { key: 'b', error: 'not_found' }
    ]
    stub.script = () => json({ total_rows: 0, rows })
    expect(await target.look('docs', ['a', 'b'], {})).to.deep.equal([])
  })

  describe('removing a database', () => {
    it('counts one as removed whose removal was not answered', async () => {
      let removals = 0
      stub.script = ({ method }) => {
        if (method === 'GET') return infoOf(0)
        return ++removals === 1 ? { body: '{"ok":true}', cutAfter: 0 } : json({ error: 'not_found', reason: 'missing' }, 404)
      }
      expect(await target.dropCollection('docs', {})).to.equal(true)
      expect(removals).to.equal(2)
    })

    it('never asks to remove one that holds something', async () => {
      stub.script = () => infoOf(1)
      expect(await target.dropCollection('docs', {})).to.equal(false)
      expect(stub.asked.map(({ method }) => method)).to.deep.equal(['GET'])
    })

    it('says that only an admin may', async () => {
      stub.script = ({ method }) =>
        method === 'GET' ? infoOf(0) : json({ error: 'unauthorized', reason: 'You are not a server admin.' }, 401)
      const known = (await openTarget({ url: stub.url, user: 'somebody', password: 'lab-secret' })) as Changing
      try {
        expect(await errorOf(known.dropCollection('docs', {}))).to.include({ code: 'DOCFERRY_PERMISSION' })
      } finally {
        await known.close()
      }
    })
  })
})

describe('couchdb: changes on a server', () => {
  it('leaves a database in which only a design document is left', async () => {
    const { url, user, password } = await servers.couchdb()
    const target = (await openTarget({ url, user, password })) as Changing
    const collection = uniqueName('design')
    try {
      await target.prepare(collection, { create: true })
      const design = target.encode(collection, { _id: '_design/views', language: 'javascript', views: {} }) as Encoded<string>
      expect(await target.write(collection, [design], { onConflict: 'skip', fresh: true })).to.deep.equal(['written'])
      expect(await target.dropCollection(collection, {})).to.equal(false)
      await target.change(
        collection,
        (await target.look(collection, ['_design/views'], {})).map(held => ({ seen: held })),
        {}
      )
      expect(await target.dropCollection(collection, {})).to.equal(true)
    } finally {
      await fetch(new URL(collection, url), { method: 'DELETE', headers: { authorization: basicAuth(user, password) } })
      await target.close()
    }
  })

  it('knows a document that was removed meanwhile, on PouchDB too', async () => {
    const target = (await openTarget({ url: await pouchdbUrl() })) as Changing
    const collection = uniqueName('removed')
    const encode = (each: Document): Encoded<string> => target.encode(collection, each) as Encoded<string>
    try {
      await target.prepare(collection, { create: true })
      await target.write(
        collection,
        ['a', 'b'].map(_id => encode({ _id })),
        { onConflict: 'skip', fresh: true }
      )
      const both = await target.look(collection, ['a', 'b'], {})
      const removals = both.map(held => ({ seen: held }))
      expect(await target.change(collection, removals, {})).to.deep.equal(['done', 'done'])
      expect(await target.change(collection, removals, {})).to.deep.equal(['changed', 'changed'])
      expect(
        await target.change(
          collection,
          both.map(held => ({ seen: held, put: encode({ _id: held.document._id, n: 1 }) })),
          {}
        )
      ).to.deep.equal(['changed', 'changed'])
      expect(await target.dropCollection(collection, {})).to.equal(true)
    } finally {
      await target.close()
    }
  })
})
