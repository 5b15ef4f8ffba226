import { createServer } from 'node:net'
import { expect } from 'chai'
import { firestoreConnector } from '../../../../lib/connectors/firestore/index.ts'
import { bucket, database, minutesAgo, openBackupsOf, optionsFor, project, useBackups } from './support.ts'
import { createSilentServer, listen, listeningLogger, thrownBy } from '../support.ts'

const denied = 7
const exhausted = 8
const unavailable = 14

describe('firestore: admin client', () => {
  describe('with a server', () => {
    const bench = useBackups()

    const count = (method: string): number => bench.asked(method).length

    it('asks again where asking failed for a moment', async () => {
      const [begun] = await bench.backups.create({ to: `${bucket}/x` }, {})
      bench.server.failNext('GetOperation', unavailable, 'try later', 2)
      expect((await bench.backups.status(begun!.id, {})).state).to.equal('running')
      expect(count('GetOperation')).to.equal(3)
    })

    it('asks for an export again that was not heard', async () => {
      bench.server.failNext('ExportDocuments', unavailable)
      const [begun] = await bench.backups.create({ to: `${bucket}/x` }, {})
      expect(begun).to.include({ state: 'running', place: `${bucket}/x` })
      expect(count('ExportDocuments')).to.equal(2)
    })

    it('asks for an export again where the quota of the minute is used up', async () => {
      bench.server.failNext('ExportDocuments', exhausted, 'Quota exceeded')
      expect((await bench.backups.create({ to: `${bucket}/x` }, {}))[0]).to.include({ state: 'running' })
      expect(count('ExportDocuments')).to.equal(2)
    })

    it('finds the export whose answer was lost, also where Firestore has named its folder', async () => {
      for (const to of [`${bucket}/x`, bucket]) {
        bench.server.loseAnswer('ExportDocuments')
        const [begun] = await bench.backups.create({ to, collections: ['agents'] }, {})
        expect(begun!.id).to.equal([...bench.server.state.operations.keys()].at(-1))
      }
      expect(count('ExportDocuments')).to.equal(2)
    })

    it('finds the import whose answer was lost, and takes no earlier one for it', async () => {
      const [exported] = await bench.backups.create({ to: `${bucket}/x` }, {})
      bench.server.state.work(bench.server.state.operation(exported!.id), Infinity)
      const request = { from: `${bucket}/x`, options: { overwrite: 'yes' } }
      const [first] = await bench.backups.restore(request, {})
      bench.server.loseAnswer('ImportDocuments')
      const [second] = await bench.backups.restore(request, {})
      expect(second!.id).to.not.equal(first!.id)
      expect(count('ImportDocuments')).to.equal(2)
    })

    it('finds the new database whose answer was lost', async () => {
      bench.server.loseAnswer('CloneDatabase')
      const [begun] = await bench.backups.restore({ at: minutesAgo(2), as: 'copy-of-it' }, {})
      expect(begun).to.include({ kind: 'restore', state: 'running', place: 'copy-of-it' })
      expect(count('CloneDatabase')).to.equal(1)
    })

    it('finds the schedule whose answer was lost', async () => {
      bench.server.loseAnswer('CreateBackupSchedule')
      const [made] = await bench.backups.create({ options: { schedule: 'daily', retention: '7d' } }, {})
      expect(made).to.include({ kind: 'schedule', state: 'available' })
      expect(count('CreateBackupSchedule')).to.equal(1)
    })

    it('begins nothing again unseen, where the account may not see what was begun', async () => {
      bench.server.failNext('ListOperations', denied, 'no', 2)
      bench.server.failNext('ExportDocuments', unavailable)
      const error = await thrownBy(bench.backups.create({ to: `${bucket}/x` }, {}))
      expect(error).to.include({ code: 'DOCFERRY_CONNECT', retryable: false })
      expect(error.message).to.contain('may have begun all the same').and.contain('docferry backup list')
      expect(count('ExportDocuments')).to.equal(1)
    })

    it('deletes once, also where the answer was lost', async () => {
      const name = `${project}/locations/l/backups/b`
      bench.server.state.backups.set(name, { name, database, state: 'READY' })
      bench.server.loseAnswer('DeleteBackup')
      expect(await bench.backups.remove(name, {})).to.include({ id: name, state: 'deleted' })
    })

    it('cancels once, also where the answer was lost', async () => {
      const [begun] = await bench.backups.create({ to: `${bucket}/x` }, {})
      bench.server.loseAnswer('CancelOperation')
      expect(await bench.backups.cancel!(begun!.id, {})).to.include({ message: 'being cancelled' })
    })

    it('gives up what a server keeps failing, within bounds', async () => {
      bench.server.failNext('GetOperation', unavailable, 'down', 100)
      const error = await thrownBy(bench.backups.status(`${database}/operations/x`, {}))
      expect(error).to.include({ code: 'DOCFERRY_CONNECT', retryable: true })
      expect(count('GetOperation')).to.equal(4)
    })

    for (const [grpc, details, code, words] of [
      [7, 'The caller does not have permission', 'DOCFERRY_PERMISSION', 'roles/datastore.importExportAdmin'],
      [7, 'Cloud Firestore API has not been used in project p before', 'DOCFERRY_PERMISSION', 'gcloud services enable'],
      [5, 'bucket does not exist', 'DOCFERRY_CONFIG', 'the bucket'],
      [9, 'Billing is disabled', 'DOCFERRY_CONFIG', 'billing'],
      [16, 'no token', 'DOCFERRY_AUTH', 'gcloud auth application-default login']
    ] as const) {
      it(`says what to do about ${code} (${grpc}, ${details})`, async () => {
        bench.server.failNext('ExportDocuments', grpc, details)
        const error = await thrownBy(bench.backups.create({ to: `${bucket}/x` }, {}))
        expect(error.code).to.equal(code)
        expect(error.message).to.contain(details).and.contain(words).and.contain('project p, database (default)')
      })
    }

    it('names the role that a restore and the reading of backups want', async () => {
      bench.server.failNext('GetBackup', 7)
      const error = await thrownBy(bench.backups.restore({ from: 'projects/p/locations/l/backups/b', as: 'copy' }, {}))
      expect(error.message).to.contain('roles/datastore.backupsViewer')
    })

    it('opens for an account that may not look at the database', async () => {
      bench.server.failNext('GetDatabase', 7)
      const opened = await openBackupsOf(bench.server)
      expect(await opened.list({ kinds: ['export'] }, {})).to.deep.equal([])
      await opened.close()
    })

    it('gives up within seconds when the server dies', async () => {
      bench.server.close()
      const started = performance.now()
      expect((await thrownBy(bench.backups.list({}, {}))).code).to.equal('DOCFERRY_CONNECT')
      expect(performance.now() - started).to.be.below(10_000)
    })

    it('stops with the reason of an abort', async () => {
      const reason = new Error('enough')
      expect(await thrownBy(bench.backups.list({}, { signal: AbortSignal.abort(reason) }))).to.equal(reason)
    })
  })

  it('fails within seconds where nothing listens', async () => {
    const free = createServer()
    const host = await listen(free)
    await new Promise(resolve => free.close(resolve))
    const started = performance.now()
    const error = await thrownBy(firestoreConnector.openBackups!(optionsFor({ host }), { logger: listeningLogger() }))
    expect(error.code).to.equal('DOCFERRY_CONNECT')
    expect(error.message).to.contain(host)
    expect(performance.now() - started).to.be.below(10_000)
  })

  it('ends in time where something listens and never answers', async () => {
    const silent = createSilentServer()
    const host = await listen(silent)
    const options = optionsFor({ host }, { timeoutMs: 1_000 })
    expect((await thrownBy(firestoreConnector.openBackups!(options, { logger: listeningLogger() }))).code).to.equal('DOCFERRY_CONNECT')
    silent.close()
  })

  it('says that an emulator has no backups', async () => {
    const error = await thrownBy(firestoreConnector.openBackups!({ project: 'p', emulator: '127.0.0.1:1' }, { logger: listeningLogger() }))
    expect(error.code).to.equal('DOCFERRY_CONFIG')
    expect(error.message).to.contain('has no Admin API').and.contain('emulator=none')
  })

  it('says which credentials it wants, and never quotes them', async () => {
    const options = { project: 'p', credentials: '/nowhere/key.json' }
    const error = await thrownBy(firestoreConnector.openBackups!(options, { logger: listeningLogger() }))
    expect(error.code).to.equal('DOCFERRY_AUTH')
    expect(error.message).to.contain('/nowhere/key.json')
  })
})
