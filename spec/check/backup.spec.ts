import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Backup, BackupService } from '../../lib/contracts/backup.ts'
import { checkBackup } from '../../lib/check/backup.ts'
import { check } from '../../lib/check/check.ts'
import { Checklist } from '../../lib/check/checklist.ts'
import type { CheckLine } from '../../lib/check/report.ts'
import { DocferryError } from '../../lib/errors.ts'
import { migrate } from '../../lib/run.ts'
import { usePlaces } from '../support/places.ts'
import { scriptedBackups } from '../support/scripted-backups.ts'
import { basicAuth, servers, uniqueName } from '../support/servers.ts'

const hoursAgo = (hours: number): Date => new Date(Date.now() - hours * 3_600_000)
const backup = (more: Partial<Backup>): Backup => ({ id: 'b', kind: 'backup', state: 'available', startedAt: hoursAgo(1), ...more })

describe("check: a service's own backups", () => {
  let stateDir: string
  beforeEach(() => {
    stateDir = mkdtempSync(join(tmpdir(), 'docferry-check-'))
  })
  afterEach(() => rmSync(stateDir, { recursive: true, force: true }))
  const look = async (list: readonly Backup[], methods: Partial<BackupService> = {}): Promise<CheckLine> => {
    const { endpoint, service, calls } = scriptedBackups({ list, methods })
    const checklist = new Checklist('before')
    checklist.report.source = service.location
    await checkBackup(['agents', 'users'], { source: endpoint, stateDir }, checklist)
    expect(calls.at(-1)).to.equal('close')
    return checklist.report.lines[0]!
  }

  it('is as old as the oldest that is needed, of one for each collection', async () => {
    const both = [backup({ collections: ['agents'] }), backup({ collections: ['users'], startedAt: hoursAgo(20) })]
    expect(await look(both)).to.include({ result: 'ok', detail: "the service's own backup, 20 hours old" })
    const old = [backup({ collections: ['agents'] }), backup({ collections: ['users'], startedAt: hoursAgo(30) })]
    expect((await look(old)).detail).to.include('30 hours old: too old')
  })

  it('takes one without collections for all of them', async () => {
    expect(await look([backup({ kind: 'export' })])).to.include({ result: 'ok', detail: "the service's own export, 60 minutes old" })
  })

  it('is none where a collection is without, or it was not made', async () => {
    const part = await look([backup({ collections: ['agents'] })])
    expect(part.result).to.equal('warning')
    expect(part.detail).to.include('without users')
    expect((await look([backup({ state: 'failed' }), backup({ state: 'running' }), backup({ kind: 'restore' })])).result).to.equal(
      'warning'
    )
  })

  it('counts continuous backups by the last moment that can be restored', async () => {
    const restorable = { from: hoursAgo(500), until: hoursAgo(0.1) }
    const pointInTime = async (): Promise<Backup[]> => [backup({ kind: 'point-in-time', startedAt: hoursAgo(500), restorable })]
    expect(await look([], { pointInTime })).to.include({ result: 'ok', detail: "the service's own point-in-time recovery, 6 minutes old" })
    const off = async (): Promise<Backup[]> => [backup({ kind: 'point-in-time', state: 'off' })]
    expect((await look([], { pointInTime: off })).result).to.equal('warning')
  })

  it('warns, and says why, where the service does not tell', async () => {
    const list = async (): Promise<never> => {
      throw new DocferryError('DOCFERRY_PERMISSION', 'ListBackups is not permitted')
    }
    const { result, detail } = await look([], { list })
    expect(result).to.equal('warning')
    expect(detail).to.include("the service's own can't be asked for: ListBackups is not permitted")
  })
})

describe("check: docferry's own exports", function () {
  this.timeout(30_000)
  const places = usePlaces()

  it('are no backup of what the source holds besides and they do not', async () => {
    const name = uniqueName('agents')
    const { url, user, password, environment } = await servers.couchdb()
    const headers = { authorization: basicAuth(user, password), 'content-type': 'application/json' }
    const put = async (path: string, body: object): Promise<void> => {
      expect((await fetch(`${url}/${path}`, { method: 'PUT', headers, body: JSON.stringify(body) })).status).to.equal(201)
    }
    await places.place('couchdb', name)
    await put(name, {})
    const { stateDir } = places
    const asked = { source: 'couchdb', collections: [name], environment, stateDir } as const
    let times = 0
    const backUp = (more: object = {}) => migrate({ ...asked, target: join(stateDir, `${times++}.ndjson`), ...more })
    const look = async (): Promise<CheckLine> =>
      (await check({ ...asked, target: `memory:${join(stateDir, 'out.json')}` })).lines.find(({ id }) => id === 'backup.recent')!

    await put(`${name}/a`, { n: 1 })
    await backUp()
    expect(await look()).to.include({ result: 'ok' })
    await put(`${name}/_design/views`, {})
    expect((await look()).detail).to.include(`without the design documents of ${name} (--include-design)`)
    await backUp({ includeDesign: true })
    expect(await look()).to.include({ result: 'ok' })
    await put(`${name}/b`, { _attachments: { text: { content_type: 'text/plain', data: 'eA==' } } })
    const { result, detail } = await look()
    expect(result).to.equal('warning')
    expect(detail).to.include(`without the attachments of ${name} (--attachments)`)
    await backUp({ includeDesign: true, attachments: true })
    expect(await look()).to.include({ result: 'ok' })
  })
})
