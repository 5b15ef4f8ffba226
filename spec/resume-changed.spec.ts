/** Going on with files of which no page was acknowledged: they have to be what they were when the run began. */
import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { listRuns } from '../lib/checkpoint/run-folder.ts'
import type { RunRecord } from '../lib/checkpoint/run-folder.ts'
import { readState, writeState } from '../lib/checkpoint/state-file.ts'
import { DocferryError } from '../lib/errors.ts'
import type { Endpoint } from '../lib/open.ts'
import { migrate } from '../lib/run.ts'
import { mergedSources } from '../lib/several/merge-sources.ts'
import type { Stage } from '../lib/types.ts'
import { scriptedTarget } from './support/scripted-connector.ts'

const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => `d${String(index).padStart(4, '0')}`)
const lines = (_ids: readonly string[]): string => _ids.map(_id => `${JSON.stringify({ _id })}\n`).join('')

describe('run: going on with a file before any of it was acknowledged', () => {
  let folder: string
  let target: ReturnType<typeof scriptedTarget>
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'docferry-changed-'))
    target = scriptedTarget({ provider: 'couchdb', limits: { batchCount: 500 } })
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const path = (...names: string[]): string => join(folder, ...names)
  let isBroken = false
  const check: Stage = {
    name: 'check',
    mayRepeatIds: false,
    apply(document) {
      if (isBroken && document._id === 'd0150') throw new Error('no')
      return document
    }
  }
  const options = (source: Endpoint) => ({
    source,
    target: target.endpoint,
    stateDir: path('state'),
    stages: [check]
  })
  /** A run that fails in its first page, when a part of that is written. @returns its id */
  const begin = async (source: Endpoint): Promise<string> => {
    isBroken = true
    await migrate(options(source)).catch((thrown: unknown) => expect(thrown).to.be.instanceOf(DocferryError))
    isBroken = false
    expect([...target.collections.values()].reduce((sum, { size }) => sum + size, 0)).to.be.within(1, 150)
    return (await listRuns(path('state')))[0]!.runId
  }
  const goOn = async (source: Endpoint, resume: string): Promise<unknown> =>
    await migrate({ ...options(source), resume }).catch((thrown: unknown) => thrown)

  const changes: Record<string, (file: string) => void> = {
    'was added to': file => appendFileSync(file, lines(['new'])),
    'was cut': file => truncateSync(file, 4000),
    'was replaced by another of its size': file => writeFileSync(file, readFileSync(file, 'latin1').replaceAll('"d', '"e'))
  }
  for (const [what, change] of Object.entries(changes)) {
    it(`refuses one that ${what}`, async () => {
      writeFileSync(path('a.ndjson'), lines(ids(400)))
      const runId = await begin(`file:${path('a.ndjson')}`)
      change(path('a.ndjson'))
      const before = [...target.collections.get('a')!.keys()]
      const error = await goOn(`file:${path('a.ndjson')}`, runId)
      expect(error).to.include({ code: 'DOCFERRY_RUN_UNFIT' }).with.property('message').that.includes('a.ndjson was changed since')
      expect([...target.collections.get('a')!.keys()]).to.deep.equal(before)
    })
  }

  it('goes on with one that was not changed', async () => {
    writeFileSync(path('a.ndjson'), lines(ids(400)))
    const runId = await begin(`file:${path('a.ndjson')}`)
    expect(await goOn(`file:${path('a.ndjson')}`, runId)).to.have.nested.include({ state: 'done', 'collections[0].read': 400 })
    expect([...target.collections.get('a')!.keys()].sort()).to.deep.equal(ids(400))
  })

  it('refuses a changed file of a folder, and one that is compressed', async () => {
    mkdirSync(path('in'))
    writeFileSync(path('in', 'a.ndjson.gz'), gzipSync(lines(ids(400))))
    const runId = await begin(`file:${path('in')}`)
    writeFileSync(path('in', 'a.ndjson.gz'), gzipSync(lines(ids(401))))
    expect(await goOn(`file:${path('in')}`, runId)).to.include({ code: 'DOCFERRY_RUN_UNFIT' })
  })

  it('refuses a changed file among several sources', async () => {
    writeFileSync(path('a.ndjson'), lines(ids(400)))
    writeFileSync(path('b.ndjson'), lines(['other']))
    const parts = ['a', 'b'].map(name => ({ name, endpoint: `file:${path(`${name}.ndjson`)}` }))
    const runId = await begin(mergedSources(parts))
    appendFileSync(path('a.ndjson'), lines(['new']))
    expect(await goOn(mergedSources(parts), runId)).to.include({ code: 'DOCFERRY_RUN_UNFIT' })
  })

  it('says of a file that a pipe has replaced that it is none any more', async function () {
    if (process.platform === 'win32') this.skip()
    writeFileSync(path('a.ndjson'), lines(ids(400)))
    const runId = await begin(`file:${path('a.ndjson')}`)
    rmSync(path('a.ndjson'))
    execFileSync('mkfifo', [path('a.ndjson')])
    const error = await goOn(`file:${path('a.ndjson')}`, runId)
    expect(error).to.include({ code: 'DOCFERRY_RUN_UNFIT' }).with.property('message').that.includes('is a pipe or a device now')
  })

  it('takes the whole of one that was cut before its first document ended', async () => {
    const text = JSON.stringify([{ _id: 'a', text: 'x'.repeat(200_000) }])
    writeFileSync(path('a.json'), text.slice(0, 150_000))
    const error = await migrate(options(`file:${path('a.json')}`)).catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'DOCFERRY_FILE_CUT' })
    const [run] = await listRuns(path('state'))
    writeFileSync(path('a.json'), text)
    expect(await goOn(`file:${path('a.json')}`, run!.runId)).to.have.property('state', 'done')
    expect(target.collections.get('a')!.size).to.equal(1)
  })

  it('goes on with what an older docferry began, which did not keep what the file was', async () => {
    writeFileSync(path('a.ndjson'), lines(ids(400)))
    const runId = await begin(`file:${path('a.ndjson')}`)
    const place = path('state', 'runs', runId, 'run.json')
    const record = (await readState(place, 'run')) as RunRecord
    await writeState(place, 'run', {
      ...record,
      partitions: record.partitions.map(({ id, collections, range }) => ({ id, collections, range: range! }))
    })
    appendFileSync(path('a.ndjson'), lines(['new']))
    expect(await goOn(`file:${path('a.ndjson')}`, runId)).to.have.property('state', 'done')
    expect(target.collections.get('a')!.size).to.equal(401)
  })
})
