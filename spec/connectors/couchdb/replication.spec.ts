import { expect } from 'chai'
import { settle } from '../../../lib/connectors/couchdb/options.ts'
import {
  countsOfAnswer,
  fromSchedulerDocument,
  fromSchedulerJob,
  replicationBody,
  replicationId
} from '../../../lib/connectors/couchdb/replication-documents.ts'
import type { ReplicationEndPair } from '../../../lib/connectors/couchdb/replication-documents.ts'
import { replicationTrouble } from '../../../lib/connectors/couchdb/replication-trouble.ts'

const asked = { source: 'a/b', target: 'c', continuous: false, transient: false }
const same = (text: string): string => text

function ends(password = 'secret-1', url = 'http://old:5984'): ReplicationEndPair {
  const source = settle({ url: 'http://localhost:5984', user: 'admin', password })
  const target = settle({ url: 'https://new.example' })
  return { source: { settings: source, url }, target: { settings: target, url: target.url } }
}

describe('couchdb: replication documents', () => {
  it('give credentials a field of their own from 3.2 on, and a header before', () => {
    expect(replicationBody(asked, ends(), '3.2.0')).to.deep.equal({
      source: { url: 'http://old:5984/a%2Fb', auth: { basic: { username: 'admin', password: 'secret-1' } } },
      target: { url: 'https://new.example/c' }
    })
    for (const version of ['3.1.2', '2.3.1'])
      expect(replicationBody(asked, ends(), version)['source']).to.deep.equal({
        url: 'http://old:5984/a%2Fb',
        headers: { Authorization: `Basic ${Buffer.from('admin:secret-1').toString('base64')}` }
      })
  })

  it('quote ids, which the replicator takes for percent-encoded', () => {
    expect(replicationBody({ ...asked, filter: { ids: ['a b', 'c+d', '100%'] } }, ends(), '3.5.0')).to.deep.include({
      doc_ids: ['a b', 'c%2Bd', '100%25']
    })
  })

  it('have the same id for the same ends, databases and filter, whoever connects and by whatever way', () => {
    const id = replicationId(asked, ends())
    expect(id).to.match(/^docferry-a-b-[0-9a-f]{12}$/)
    expect(replicationId({ ...asked, transient: true }, ends('other', 'http://elsewhere'))).to.equal(id)
    expect(replicationId({ ...asked, filter: { ids: ['y', 'x'] } }, ends())).to.equal(
      replicationId({ ...asked, filter: { ids: ['x', 'y'] } }, ends())
    )
    const others = [
      { ...asked, continuous: true },
      { ...asked, target: 'd' },
      { ...asked, filter: { selector: { a: 1 } } }
    ]
    for (const other of others) expect(replicationId(other, ends())).not.to.equal(id)
  })
})

describe('couchdb: what the scheduler tells', () => {
  const told = { doc_id: 'r', id: 'x+continuous', source: 'http://u:pw@old:5984/a/', target: 'http://new/b/', error_count: 0 }

  it('is told without credentials', () => {
    const { source, target, continuous } = fromSchedulerDocument({ ...told, state: 'running', info: null }, same)
    expect({ source, target, continuous }).to.deep.equal({ source: 'http://old:5984/a', target: 'http://new/b', continuous: true })
  })

  it('counts, and knows no pending changes where the server says null', () => {
    const info = {
      docs_read: 2,
      docs_written: 1,
      doc_write_failures: 1,
      revisions_checked: 3,
      missing_revisions_found: 2,
      changes_pending: null
    }
    expect(fromSchedulerDocument({ ...told, state: 'running', info }, same).counts).to.deep.equal({
      revisionsChecked: 3,
      missingRevisions: 2,
      documentsRead: 2,
      documentsWritten: 1,
      writeFailures: 1
    })
  })

  it('has the counts of the times before where `_replicate` found nothing new', () => {
    const history = [{ missing_checked: 3, missing_found: 3, docs_read: 3, docs_written: 2, doc_write_failures: 1 }]
    const counts = { revisionsChecked: 3, missingRevisions: 3, documentsRead: 3, documentsWritten: 2, writeFailures: 1 }
    expect(countsOfAnswer({ ok: true, no_changes: true, history })).to.deep.equal(counts)
    expect(countsOfAnswer({ ok: true })).to.equal(undefined)
  })

  it('is pending where it is in no state that is known', () => {
    for (const state of [null, 'scheduled'])
      expect(fromSchedulerDocument({ ...told, state, info: null }, same)).to.include({ state: 'pending' })
  })

  it('is crashing where a job has crashed last, as often as it has since it went well', () => {
    const crash = { type: 'crashed', reason: 'db_not_found: could not open http://old/a/' }
    const history = [crash, { type: 'started' }, crash, { type: 'started' }, { type: 'added' }]
    const job = fromSchedulerJob({ ...told, history, info: null }, same)
    expect(job).to.include({ state: 'crashing', errors: 2, transient: true })
    expect(job.trouble).to.include({ code: 'DOCFERRY_REPLICATION', isPassing: false })
  })
})

describe("couchdb: the replicator's errors", () => {
  for (const [error, code, isPassing] of [
    ['{replication_auth_error,\n    {session_request_unauthorized,"http://h/_session","nobody"}}', 'DOCFERRY_AUTH', false],
    ['unauthorized: unauthorized to access or create database http://h/a/', 'DOCFERRY_AUTH', false],
    [
      '{replication_auth_error,{session_request_failed,"http://h:9/_session","u",{conn_failed,{error,econnrefused}}}}',
      'DOCFERRY_CONNECT',
      true
    ],
    ['{replication_auth_error,{session_request_failed,"http://h/_session","u",{conn_failed,{error,nxdomain}}}}', 'DOCFERRY_CONNECT', true],
    ['db_not_found: could not open http://h/a/', 'DOCFERRY_REPLICATION', false],
    ['{revs_diff_failed,400,{[{<<"error">>,<<"illegal_docid">>}]}}', 'DOCFERRY_REPLICATION', false],
    [
      'Replication `x` specified by document `a` already started, triggered by document `b` from db `_replicator`',
      'DOCFERRY_REPLICATION',
      false
    ],
    ['{worker_died,<0.1.0>,{process_died,<0.2.0>,kaboom}}', 'DOCFERRY_REPLICATION', true]
  ] as const) {
    it(`mean ${code} for ${error.slice(0, 70).replace(/\s+/g, ' ')}`, () => {
      expect(replicationTrouble(error, same)).to.include({ code, isPassing })
    })
  }

  it('are told without secrets, and short', () => {
    const censor = (text: string): string => text.replaceAll('hunter22', '***')
    const { message } = replicationTrouble(`odd: hunter22 ${'x'.repeat(1000)}`, censor)
    expect(message).to.include('odd: ***').and.have.lengthOf(300)
  })
})
