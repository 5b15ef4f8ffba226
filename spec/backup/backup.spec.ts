import { expect } from 'chai'
import type { Backup, BackupService } from '../../lib/contracts/backup.ts'
import { backup } from '../../lib/backup/backup.ts'
import type { BackupOptions } from '../../lib/backup/backup.ts'
import type { BackupReport } from '../../lib/backup/report.ts'
import { DocferryError } from '../../lib/errors.ts'
import { openBackups } from '../../lib/open.ts'
import { scriptedBackups } from '../support/scripted-backups.ts'
import type { BackupScript } from '../support/scripted-backups.ts'

const one = (id: string, state: Backup['state'] = 'running', more: Partial<Backup> = {}): Backup => ({ id, kind: 'backup', state, ...more })
const create: BackupOptions['action'] = { do: 'create', request: {} }
const wait = { pollMs: 1 }

interface Done {
  readonly report: Readonly<BackupReport> | undefined
  readonly error: DocferryError | undefined
  readonly calls: readonly string[]
}

async function run(script: BackupScript, options: Omit<BackupOptions, 'provider'>): Promise<Done> {
  const { endpoint, calls } = scriptedBackups(script)
  let report: Readonly<BackupReport> | undefined
  try {
    await backup({ ...options, provider: endpoint, observe: seen => (report = seen) })
    return { report, error: undefined, calls }
  } catch (error) {
    return { report, error: error as DocferryError, calls }
  }
}

describe('backup', () => {
  it('begins, waits until all is available, and closes', async () => {
    const { report, calls } = await run({ begun: [one('a')], looks: { a: [one('a'), one('a', 'available')] } }, { action: create, wait })
    expect(report).to.deep.include({ state: 'done', backups: [one('a', 'available')] })
    expect(calls).to.deep.equal(['create', 'status a', 'status a', 'close'])
  })

  it('is partial where one of several has failed', async () => {
    const { report } = await run({ begun: [one('a'), one('', 'failed')], looks: { a: [one('a', 'available')] } }, { action: create, wait })
    expect(report).to.include({ state: 'partial' })
  })

  it('is partial where what was begun was cancelled or deleted by somebody else', async () => {
    for (const state of ['cancelled', 'deleted'] as const) {
      const { report } = await run({ begun: [one('a')], looks: { a: [one('a', state)] } }, { action: create, wait })
      expect(report).to.include({ state: 'partial' })
    }
  })

  it('goes on without it where nobody waits, and does not call that done', async () => {
    const { report, calls } = await run({ begun: [one('a')] }, { action: create })
    expect(report).to.include({ state: 'going on' })
    expect(calls).to.deep.equal(['create', 'close'])
  })

  it('is partial where it is not known whether one was begun, also where nobody waits', async () => {
    const { report } = await run({ begun: [one('a'), one('', 'unknown')] }, { action: create })
    expect(report).to.include({ state: 'partial' })
  })

  it('is partial, and says so, where the time is over', async () => {
    const { report } = await run({ begun: [one('a')], looks: { a: [one('a')] } }, { action: create, wait: { pollMs: 1, timeoutMs: 10 } })
    expect(report).to.include({ state: 'partial', timedOut: true })
  })

  it('keeps what was begun when it is interrupted in the middle', async () => {
    const controller = new AbortController()
    const methods: Partial<BackupService> = {
      async create() {
        controller.abort(new DocferryError('DOCFERRY_INTERRUPTED', 'interrupted'))
        return [one('a')]
      }
    }
    const { report, error, calls } = await run({ methods }, { action: create, wait, signal: controller.signal })
    expect(error).to.include({ code: 'DOCFERRY_INTERRUPTED' })
    expect(report).to.deep.include({ state: 'interrupted', backups: [one('a')] })
    expect(calls).to.deep.equal(['close'])
  })

  it('tells how far it was seen when asking fails for good', async () => {
    const no = new DocferryError('DOCFERRY_PERMISSION', 'no')
    const { report, error } = await run(
      { begun: [one('a')], looks: { a: [one('a', 'running', { documents: 7 }), no] } },
      { action: create, wait }
    )
    expect(error).to.equal(no)
    expect(report).to.deep.include({ state: 'failed', backups: [one('a', 'running', { documents: 7 })] })
  })

  it('deletes only what was confirmed, once each', async () => {
    const looks = { a: [one('a', 'available', { name: 'old' })] }
    let asked: readonly Backup[] = []
    const confirm = async (what: readonly Backup[]) => ((asked = what), true)
    const { report, calls } = await run({ looks }, { action: { do: 'delete', ids: ['a', 'a'] }, confirm })
    expect(asked).to.deep.equal([one('a', 'available', { name: 'old' })])
    expect(calls).to.deep.equal(['status a', 'status a', 'remove a', 'close'])
    expect(report).to.deep.include({ state: 'done', backups: [one('a', 'deleted')] })
  })

  it('deletes nothing without a yes', async () => {
    const { error, calls } = await run(
      { looks: { a: [one('a', 'available')] } },
      { action: { do: 'delete', ids: ['a'] }, confirm: async () => false }
    )
    expect(error).to.include({ code: 'DOCFERRY_USAGE' })
    expect(calls).to.deep.equal(['status a', 'close'])
  })

  it('asks before continuous backups are switched off, and not before they are switched on', async () => {
    let asked = 0
    const confirm = async () => (asked++, true)
    const methods: Partial<BackupService> = { pointInTime: async (_, change) => [one('t', change === 'off' ? 'off' : 'available')] }
    await run({ methods }, { action: { do: 'point-in-time', change: 'on' }, confirm })
    expect(asked).to.equal(0)
    const { report } = await run({ methods }, { action: { do: 'point-in-time', change: 'off' }, confirm })
    expect(asked).to.equal(1)
    expect(report).to.deep.include({ state: 'done', backups: [one('t', 'off')] })
  })

  it('begins nothing in a dry run', async () => {
    const methods: Partial<BackupService> = { plan: async () => [one('', 'planned')] }
    const { report, calls } = await run({ methods }, { action: create, wait, dryRun: true })
    expect(report).to.deep.include({ state: 'done', backups: [one('', 'planned')] })
    expect(calls).to.deep.equal(['close'])
  })

  it('refuses a dry run that the service can not have, before anything is begun', async () => {
    const { error, calls } = await run({}, { action: create, dryRun: true })
    expect(error).to.include({ code: 'DOCFERRY_USAGE' })
    expect(calls).to.deep.equal(['close'])
  })

  for (const action of [{ do: 'cancel', ids: ['a'] }, { do: 'point-in-time' }] as const) {
    it(`says where a service has no ${action.do}`, async () => {
      const { error } = await run({}, { action })
      expect(error).to.include({ code: 'DOCFERRY_USAGE' })
    })
  }

  it('lists by name', async () => {
    const list = [one('a', 'available', { name: 'x' }), one('b', 'failed', { name: 'y' })]
    const { report } = await run({ list }, { action: { do: 'list', filter: { name: 'y' } } })
    expect(report).to.deep.include({ state: 'done', backups: [list[1]] })
  })

  for (const [end, words] of [
    ['couchdb://127.0.0.1:1', 'use docferry export, or docferry replicate to keep a second CouchDB'],
    ['memory', 'docferry export'],
    ['file:x.json', 'docferry export']
  ] as const) {
    it(`says what to use in place of backups of ${end}`, async () => {
      const error = await openBackups(end).catch((thrown: unknown) => thrown as DocferryError)
      expect(error).to.include({ code: 'DOCFERRY_USAGE' })
      expect((error as DocferryError).message).to.include(words)
    })
  }
})
