import { expect } from 'chai'
import { basicAuth, createCouchdbUser, servers, uniqueName } from '../support/servers.ts'

type Answer = Record<string, unknown>

/** The same of the real CouchDB, where COUCHDB_URL names one. */
describe('servers: the replicator of CouchDB', function () {
  this.timeout(30_000)
  const database = uniqueName('replicator')
  const id = uniqueName('replicator')
  let url: string
  let authorization: string
  const ask = async (path: string, init: RequestInit = {}, user = authorization): Promise<Answer & { status: number }> => {
    const response = await fetch(`${url}/${path}`, { ...init, headers: { authorization: user, 'content-type': 'application/json' } })
    return { ...((await response.json()) as Answer), status: response.status }
  }
  const write = (fields: object): ReturnType<typeof ask> => {
    const end = { url: `${url}/${database}` }
    return ask(`_replicator/${id}`, { method: 'PUT', body: JSON.stringify({ source: end, target: end, ...fields }) })
  }
  before(async () => {
    const server = await servers.couchdb()
    url = server.url
    authorization = basicAuth(server.user, server.password)
    await ask(database, { method: 'PUT' })
  })
  after(() => ask(database, { method: 'DELETE' }))

  for (const [what, fields, words] of [
    ['two filters at once', { selector: { a: 1 }, doc_ids: ['a'] }, 'mutually exclusive'],
    ['a database without an address', { source: 'a' }, 'local_endpoints_not_supported'],
    ['no source', { source: undefined }, 'Missing replicator database'],
    ['an operator that there is not', { selector: { a: { $larger: 1 } } }, '$larger'],
    ['ids that are no list', { doc_ids: 'a' }, 'must be an array'],
    ['continuous that is no boolean', { continuous: 'yes' }, 'must be a boolean']
  ] as const) {
    it(`refuses ${what}`, async () => {
      const answer = await write(fields)
      expect(answer).to.include({ status: 403, error: 'forbidden' })
      expect(answer['reason']).to.include(words)
    })
  }

  it('lets only an admin ask the scheduler and write replications', async () => {
    const user = await createCouchdbUser()
    try {
      const asUser = basicAuth(user.user, user.password)
      for (const path of ['_scheduler/docs', '_scheduler/jobs']) expect((await ask(path, {}, asUser)).status, path).to.be.oneOf([401, 403])
      expect((await ask(`_replicator/${id}`, { method: 'PUT', body: '{}' }, asUser)).status).to.be.oneOf([401, 403])
    } finally {
      await user.remove()
    }
  })

  it('knows nothing of a replication that there is not', async () => {
    expect(await ask(`_scheduler/docs/_replicator/${id}`)).to.include({ status: 404, error: 'not_found' })
    const cancel = { replication_id: `${'0'.repeat(32)}+continuous`, cancel: true }
    expect(await ask('_replicate', { method: 'POST', body: JSON.stringify(cancel) })).to.include({ status: 404 })
  })

  it('refuses what a validation function forbids, by document', async () => {
    const validate = "function(doc, old, user) { if (doc.bad) throw {forbidden: 'bad'} }"
    await ask(`${database}/_design/v`, { method: 'PUT', body: JSON.stringify({ validate_doc_update: validate }) })
    expect(await ask(`${database}/a`, { method: 'PUT', body: '{"bad":true}' })).to.deep.include({ status: 403, reason: 'bad' })
    const docs = [{ _id: 'b', bad: true }, { _id: 'c' }]
    const rows = Object.values(await ask(`${database}/_bulk_docs`, { method: 'POST', body: JSON.stringify({ docs }) }))
    expect(rows[0]).to.include({ id: 'b', error: 'forbidden', reason: 'bad' })
    expect(rows[1]).to.include({ id: 'c', ok: true })
  })
})
