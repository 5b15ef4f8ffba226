/** CouchDB's documents that travel packed, held against the same runs by the plain way. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { couchdbConnector } from '../lib/connectors/couchdb/index.ts'
import type { CouchdbOptions } from '../lib/connectors/couchdb/index.ts'
import type { MigrateOptions } from '../lib/options.ts'
import type { RunReport } from '../lib/report.ts'
import { migrate } from '../lib/run.ts'
import { strip } from '../lib/stages/strip.ts'
import type { Document, OnConflict, StageLike, Target } from '../lib/types.ts'
import { undo } from '../lib/undo/undo.ts'
import { parseJson } from '../lib/values/index.ts'
import { simpleDocuments } from './support/generator.ts'
import { servers } from './support/servers.ts'

/** A stage of which nothing is known: documents are made for it. */
const lookAtAll: StageLike = document => document
const context = { logger: { debug() {}, info() {}, warn() {}, error() {} } }

const odd = [
  '{"_id":"rev","_rev":"1-a","_attachments":{"a":{"length":3},"b":{"length":4}},"n":1}',
  '{"_id":"number","n":1.0,"big":12345678901234567890,"long":0.9113690123456789}',
  '{"_id":"date","at":{"$date":"2026-01-01T00:00:00Z"},"deep":{"a":[1,2]}}',
  '{"_id":"$%_escaped","$%_b":1}',
  '{"_id":"dollar","map":{"$%x":1}}',
  '{"_id":"_design/view","views":{}}',
  '{"_id":"_odd","n":1}',
  '{"_id":"","n":1}',
  '{"_id":"underscore","_secret":1}',
  '{"_id":"proto","map":{"__proto__":{"a":1}}}',
  '{ "_id" : "space" , "b" : [ 1 , 2 ] }\r',
  '{"_id":"nul","text":"\\u0000\u2028"}',
  '{"_id":"half","text":"\\ud800"}',
  'no JSON',
  '{"_id":"again","n":1}',
  '{"_id":"again","n":2}',
  `{"_id":"large","text":"${'é'.repeat(400_000)}"}`
]

describe('packed documents of CouchDB', function () {
  this.timeout(120_000)
  let folder: string
  let options: CouchdbOptions
  let target: Target
  before(async () => {
    options = couchdbConnector.configure('couchdb', (await servers.couchdb()).environment)
    target = await couchdbConnector.openTarget(options, context)
  })
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'docferry-packing-'))))
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true })
    for (const name of [from, to]) await drop(name)
  })
  after(async () => await target.close())

  const path = (name: string): string => join(folder, name)
  const file = (name: string) => ({ connector: 'file', options: { path: path(name), collection: 'packing' } }) as const
  const couchdb = () => ({ connector: 'couchdb', options }) as const

  // Receipts hang on the names too.
  const [from, to] = ['from', 'to'].map(name => `k8_packing_${name}_${process.pid}`) as [string, string]

  async function drop(name: string): Promise<void> {
    const { url, user, password } = await servers.couchdb()
    const headers = { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }
    await fetch(`${url}/${name}`, { method: 'DELETE', headers })
  }

  /** What a run tells but for times, places and sizes. */
  function told({ collections, notes, state, receiptRoot }: RunReport) {
    const counts = collections.map(
      ({
        startedAt: _startedAt,
        finishedAt: _finishedAt,
        bytesWritten: _bytesWritten,
        bytesRead: _bytesRead,
        source: _source,
        target: _target,
        failures,
        ...counted
      }) => ({
        ...counted,
        // Which comes first hangs on when the server answers.
        failures: failures.map(({ code, count, message }) => `${code} ${count} ${message}`).toSorted()
      })
    )
    return { counts, notes, state, root: receiptRoot }
  }

  const lettersOf = async ({ deadLetters }: RunReport): Promise<string[]> => {
    const lines = deadLetters === undefined ? [] : (await readFile(deadLetters, 'utf8')).split('\n')
    return lines.map(line => line.replace(/"mark":\d+/, '')).toSorted()
  }

  async function documentsOf(name: string, ids: readonly string[]): Promise<Document[]> {
    const found: Document[] = []
    for (let at = 0; at < ids.length; at += 400) found.push(...((await target.get(name, ids.slice(at, at + 400), {})) ?? []))
    return found.toSorted((a, b) => (a._id < b._id ? -1 : 1))
  }

  const input = (): string[] => {
    const lines = [...simpleDocuments({ seed: 3, count: 1_500, bytes: 300 })].map(each => JSON.stringify(each))
    for (const [index, line] of odd.entries()) lines.splice(index * 90 + 40, 0, line)
    return lines
  }

  for (const onConflict of ['skip', 'overwrite', 'fail'] as const satisfies readonly OnConflict[])
    for (const undoable of onConflict === 'overwrite' ? [false, true] : [false])
      it(`are written as by the plain way: ${onConflict}${undoable ? ', and can be undone' : ''}`, async () => {
        const lines = input()
        await writeFile(path('in.ndjson'), lines.join('\n'))
        const seeds = lines
          .slice(200, 260)
          .flatMap(line => (line.startsWith('{"_id":"') && !/"_rev"|_design|_odd|""/.test(line) ? [line] : []))
        // Half of what stands there is the same, and half is not.
        await writeFile(
          path('seed.ndjson'),
          seeds.map((line, at) => (at % 2 === 0 ? line : line.replace('{', '{"other":true,'))).join('\n')
        )
        const ids = lines.flatMap(line => /^\{ ?"_id" ?: ?"([^"]+)"/.exec(line)?.[1] ?? [])
        const run = async (name: string, more: Partial<MigrateOptions>) => {
          const ends = { target: couchdb(), rename: { packing: to }, stateDir: path(name) }
          await drop(to)
          await migrate({ source: file('seed.ndjson'), ...ends })
          const before = await documentsOf(to, ids)
          const report = await migrate({
            source: file('in.ndjson'),
            onConflict,
            ...(undoable && { undo: 'all' as const }),
            ...ends,
            ...more
          })
          const documents = await documentsOf(to, ids)
          if (undoable) {
            await undo({ stateDir: path(name), run: report.runId, target: couchdb() })
            expect(await documentsOf(to, ids)).to.deep.equal(before)
          }
          return { told: told(report), letters: await lettersOf(report), documents }
        }
        const packed = await run('packed', {})
        const plain = await run('plain', { stages: [lookAtAll] })
        for (const key of Object.keys(plain) as (keyof typeof plain)[]) expect(packed[key], key).to.deep.equal(plain[key])
        expect(packed.told.counts[0]!.failed).to.be.greaterThan(3)
        expect(packed.documents.length).to.be.greaterThan(1_500)
      })

  it('are read as by the plain way', async () => {
    await writeFile(path('in.ndjson'), input().join('\n'))
    const ends = { target: couchdb(), rename: { packing: from }, stateDir: path('state') }
    await migrate({ source: file('in.ndjson'), ...ends })
    for (const more of [{}, { stages: [strip(['n', 'note'])] }, { keepMetadata: true }, { includeDesign: true }, { parallel: 1 }]) {
      const run = async (name: string, stages: readonly StageLike[]) => {
        const collections = [from]
        const given = [...(('stages' in more ? more.stages : undefined) ?? []), ...stages]
        const report = await migrate({
          source: couchdb(),
          target: file(name),
          collections,
          stateDir: path('state'),
          ...more,
          stages: given
        })
        const text = await readFile(path(name), 'utf8')
        const lines = text.split('\n').filter(line => line !== '' && !/^\{"\$(?:docferry|collection|end)"/.test(line))
        return {
          told: told(report),
          documents: lines.map(line => parseJson(line) as Document).toSorted((a, b) => (a._id < b._id ? -1 : 1))
        }
      }
      const packed = await run(`packed${JSON.stringify(more).length}.ndjson`, [])
      const plain = await run(`plain${JSON.stringify(more).length}.ndjson`, [lookAtAll])
      for (const key of Object.keys(plain) as (keyof typeof plain)[]) expect(packed[key], key).to.deep.equal(plain[key])
      expect(packed.documents.length).to.be.greaterThan(1_500)
      await rm(path(`packed${JSON.stringify(more).length}.ndjson`))
      await rm(path(`plain${JSON.stringify(more).length}.ndjson`))
    }
  })

  it('come from one CouchDB to another', async () => {
    await writeFile(path('in.ndjson'), input().join('\n'))
    const stateDir = path('state')
    await migrate({ source: file('in.ndjson'), target: couchdb(), rename: { packing: from }, stateDir })
    const copy = async (stages: readonly StageLike[]): Promise<RunReport> => {
      await drop(to)
      return await migrate({ source: couchdb(), target: couchdb(), collections: [from], rename: { [from]: to }, stateDir, stages })
    }
    expect(told(await copy([]))).to.deep.equal(told(await copy([lookAtAll])))
  })
})
