import { createServer } from 'node:net'
import { expect } from 'chai'
import type { BackupService } from '../../../../lib/backup-types.ts'
import { firestoreConnector } from '../../../../lib/connectors/firestore/index.ts'
import type { FirestoreAdminServer } from '../../../support/firestore-admin/server.ts'
import { bucket, database, openBackupsOf, optionsFor, startProject } from './support.ts'
import { createSilentServer, listen, listeningLogger, thrownBy } from '../support.ts'

const unavailable = 14

describe('firestore: admin client', () => {
  describe('with a server', () => {
    let server: FirestoreAdminServer
    let backups: BackupService

    beforeEach(async () => {
      server = await startProject()
      backups = await openBackupsOf(server)
    })
    afterEach(async () => {
      await backups.close()
      server.close()
    })

    const count = (method: string): number => server.seen.filter(each => each.method === method).length

    it('asks again where asking failed for a moment', async () => {
      const [begun] = await backups.create({ to: `${bucket}/x` }, {})
      server.failNext('GetOperation', unavailable, 'try later', 2)
      expect((await backups.status(begun!.id, {})).state).to.equal('running')
      expect(count('GetOperation')).to.equal(3)
    })

    it('begins nothing twice, and says where the answer was lost', async () => {
      server.failNext('ExportDocuments', unavailable)
      const error = await thrownBy(backups.create({ to: `${bucket}/x` }, {}))
      expect(error).to.include({ code: 'DOCFERRY_CONNECT', retryable: false })
      expect(error.message).to.contain('may have begun all the same').and.contain('docferry backup list')
      expect(count('ExportDocuments')).to.equal(1)
    })

    it('gives up what a server keeps failing, within bounds', async () => {
      server.failNext('GetOperation', unavailable, 'down', 100)
      const error = await thrownBy(backups.status(`${database}/operations/x`, {}))
      expect(error).to.include({ code: 'DOCFERRY_CONNECT', retryable: true })
      expect(count('GetOperation')).to.equal(4)
    })

    for (const [grpc, details, code, words] of [
      [7, 'The caller does not have permission', 'DOCFERRY_PERMISSION', 'roles/datastore.importExportAdmin'],
      [7, 'Cloud Firestore API has not been used in project p before', 'DOCFERRY_PERMISSION', 'gcloud services enable'],
      [5, 'bucket does not exist', 'DOCFERRY_CONFIG', 'the bucket'],
      [8, 'quota', 'DOCFERRY_THROTTLED', '50'],
      [9, 'Billing is disabled', 'DOCFERRY_CONFIG', 'billing'],
      [16, 'no token', 'DOCFERRY_AUTH', 'gcloud auth application-default login'],
      [4, 'too late', 'DOCFERRY_CONNECT', 'may have begun']
    ] as const) {
      it(`says what to do about ${code} (${grpc}, ${details})`, async () => {
        server.failNext('ExportDocuments', grpc, details)
        const error = await thrownBy(backups.create({ to: `${bucket}/x` }, {}))
        expect(error.code).to.equal(code)
        expect(error.message).to.contain(details).and.contain(words).and.contain('project p, database (default)')
      })
    }

    it('names the role that a restore and the reading of backups want', async () => {
      server.failNext('GetBackup', 7)
      const error = await thrownBy(backups.restore({ from: 'projects/p/locations/l/backups/b', as: 'copy' }, {}))
      expect(error.message).to.contain('roles/datastore.backupsViewer')
    })

    it('opens for an account that may not look at the database', async () => {
      server.failNext('GetDatabase', 7)
      const opened = await openBackupsOf(server)
      expect(await opened.list({ kinds: ['export'] }, {})).to.deep.equal([])
      await opened.close()
    })

    it('gives up within seconds when the server dies', async () => {
      server.close()
      const started = performance.now()
      expect((await thrownBy(backups.list({}, {}))).code).to.equal('DOCFERRY_CONNECT')
      expect(performance.now() - started).to.be.below(10_000)
    })

    it('stops with the reason of an abort', async () => {
      const reason = new Error('enough')
      expect(await thrownBy(backups.list({}, { signal: AbortSignal.abort(reason) }))).to.equal(reason)
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
