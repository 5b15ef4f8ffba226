/** A target that is read in a thread of its own. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { DocferryError } from '../../lib/errors.ts'
import type { Document } from '../../lib/types.ts'
import type { VerifyOptions } from '../../lib/verify/options.ts'
import { isPlain, isWorthThread } from '../../lib/verify/read-in-thread.ts'
import type { Difference } from '../../lib/verify/report.ts'
import { verify } from '../../lib/verify/verify.ts'
import { subjects } from '../conformance/subjects.ts'
import { migrate } from '../support/migrate.ts'
import { scriptedSource } from '../support/scripted-connector.ts'
import { uniqueName } from '../support/servers.ts'
import { hooked, storeWith } from './hooked.ts'

const documents: readonly Document[] = Array.from({ length: 300 }, (_, n) => ({ _id: `d${n}`, n }))

describe('verify: a target in a thread', function () {
  this.timeout(30_000)
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'docferry-verify-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const source = hooked(storeWith(documents), {})
  const check = async (options: VerifyOptions) => {
    const report = await verify({ stateDir: join(folder, 'state'), inThread: true, settleMs: 1, ...options })
    const lines = report.differences === undefined ? [] : readFileSync(report.differences, 'utf8').trim().split('\n')
    return { report, differences: lines.map(line => JSON.parse(line) as Difference) }
  }
  const write = (lines: readonly string[]): string => {
    const path = join(folder, 'a.ndjson')
    writeFileSync(path, lines.map(line => `${line}\n`).join(''))
    return path
  }

  it('names lines that are no documents, however many', async () => {
    const good = documents.map(document => JSON.stringify(document))
    const bad = Array.from({ length: 2_000 }, () => 'broken')
    const { report, differences } = await check({ source, target: write([...bad, ...good, ...bad]) })
    expect(report.collections[0]).to.include({ equal: 300, unreadable: 4_000, missing: 0 })
    expect(differences).to.have.length(4_000)
    expect(differences[0]).to.deep.equal({
      collection: 'a',
      kind: 'unreadable',
      side: 'target',
      reason: 'not valid JSON',
      where: 'line 1, byte 0'
    })
  })

  it('tells damage, and errors as they are', async () => {
    const path = join(folder, 'a.ndjson')
    await migrate({ source, target: path })
    const text = readFileSync(path, 'utf8')
    writeFileSync(path, text.slice(0, text.indexOf('{"_id":"d99"')))
    const { report, differences } = await check({ source, target: path })
    expect(report.damaged).to.include('without the line {"$end":...}')
    expect(differences.map(({ id, kind }) => [kind, id])).to.deep.equal([['missing', 'd99']])
    const failing = scriptedSource({
      collections: { a: documents },
      beforePage: () => {
        throw new DocferryError('DOCFERRY_READ', 'gone')
      }
    })
    const error = await check({ source: failing, target: path }).catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'DOCFERRY_READ', message: 'gone' })
  })

  it('ends with it when it is interrupted', async () => {
    const abort = new AbortController()
    const observe = (): void => abort.abort()
    const target = write(documents.map(document => JSON.stringify(document)))
    const error = await check({ source, target, observe, signal: abort.signal, maxRate: 1 }).catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'DOCFERRY_INTERRUPTED' })
    expect(existsSync(join(folder, 'state'))).to.equal(false)
  })

  for (const provider of ['couchdb', 'firestore', 'dynamodb'] as const) {
    it(`reads ${provider}`, async () => {
      const name = uniqueName('thread')
      const subject = await subjects[provider]()
      try {
        const target = await subject.endpoint()
        const own = hooked(storeWith(documents, name), {})
        await migrate({ source: own, target })
        const { report } = await check({ source: own, target })
        expect(report.state).to.equal('equal')
        expect(report.collections[0]).to.include({ equal: 300 })
      } finally {
        await subject.remove([name])
      }
    })
  }

  it('is what is not small, and can be told to a thread', () => {
    expect(isPlain('couchdb')).to.equal(true)
    expect(isPlain({ connector: 'couchdb', options: { url: 'http://a', databases: ['a'] } })).to.equal(true)
    expect(isPlain(source)).to.equal(false)
    expect(isPlain({ connector: 'firestore', options: { client: {} } })).to.equal(false)
    expect(isWorthThread([{ name: 'a', documents: 100 }])).to.equal(false)
    expect(isWorthThread([{ name: 'a', bytes: 100 }])).to.equal(false)
  })
})
