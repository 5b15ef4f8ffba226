import { expect } from 'chai'
import { bucket, database, openBackupsOf, project, useBackups } from './support.ts'
import { listeningLogger, thrownBy } from '../support.ts'

const backup = `${project}/locations/eur3/backups/5f3c`

describe('firestore: backups', () => {
  const bench = useBackups()

  async function begin(folder: string, collections?: readonly string[]): Promise<string> {
    const [begun] = await bench.backups.create({ to: `${bucket}/${folder}`, collections }, {})
    return begun!.id
  }

  describe('list', () => {
    it('tells what runs, what is done and what has failed, newest first, over all pages', async () => {
      const ids: string[] = []
      for (const folder of ['a', 'b', 'c', 'd', 'e', 'f']) ids.push(await begin(folder))
      for (const id of ids.slice(0, 4)) bench.server.state.work(bench.server.state.operation(id), Infinity)
      bench.server.state.fail(bench.server.state.operation(ids[4]!), 7, 'no')
      const list = await bench.backups.list({}, {})
      expect(list.map(({ id }) => id)).to.deep.equal(ids.reverse())
      expect(list.map(({ state }) => state)).to.deep.equal(['running', 'failed', 'available', 'available', 'available', 'available'])
    })

    it('tells scheduled backups of this database, wherever they lie, and the schedules', async () => {
      const other = `${project}/locations/eur3/backups/other`
      bench.server.state.backups.set(backup, { name: backup, database, state: 'READY' })
      bench.server.state.backups.set(other, { name: other, database: `${project}/databases/other`, state: 'READY' })
      await bench.backups.create({ options: { schedule: 'daily', retention: '1d' } }, {})
      const list = await bench.backups.list({}, {})
      expect(list.map(({ kind }) => kind).sort()).to.deep.equal(['backup', 'schedule'])
      expect(list.find(({ kind }) => kind === 'backup')).to.deep.include({
        id: backup,
        state: 'available',
        documents: 12,
        bytes: 4_096,
        snapshotAt: new Date('2026-01-01T00:00:00Z'),
        expiresAt: new Date('2026-01-08T00:00:00Z')
      })
    })

    it('takes only the kinds and collections that are asked for', async () => {
      await begin('runs', ['runs'])
      await begin('all')
      const agents = await bench.backups.list({ collections: ['agents'], kinds: ['export'] }, {})
      expect(agents.map(({ place }) => place)).to.deep.equal([`${bucket}/all`])
      expect(bench.asked('ListBackups')).to.deep.equal([])
      expect(await bench.backups.list({ kinds: ['import'] }, {})).to.deep.equal([])
    })

    it('leaves out operations of other kinds', async () => {
      bench.server.state.begin('CreateIndex', database, {})
      expect(await bench.backups.list({}, {})).to.deep.equal([])
    })

    it('leaves out what the account may not see, and says so', async () => {
      const logger = listeningLogger()
      const listening = await openBackupsOf(bench.server, {}, logger)
      await begin('a')
      bench.server.failNext('ListBackups', 7)
      expect(await listening.list({}, {})).to.have.length(1)
      expect(logger.lines.map(({ message }) => message).join()).to.contain('roles/datastore.backupsViewer')
      await listening.close()
    })

    it('fails where the account may see nothing of what is asked for', async () => {
      bench.server.failNext('ListBackups', 7)
      expect((await thrownBy(bench.backups.list({ kinds: ['backup'] }, {}))).code).to.equal('DOCFERRY_PERMISSION')
    })

    it('says which places could not be reached', async () => {
      const logger = listeningLogger()
      const listening = await openBackupsOf(bench.server, {}, logger)
      bench.server.state.unreachable.push(`${project}/locations/nam5`)
      await listening.list({}, {})
      expect(logger.lines.map(({ message }) => message).join()).to.contain('nam5')
      await listening.close()
    })

    it('tells what it can where the service takes no filter, and says so', async () => {
      const logger = listeningLogger()
      const listening = await openBackupsOf(bench.server, {}, logger)
      bench.server.state.filters = false
      await begin('a')
      expect(await listening.list({}, {})).to.have.length(1)
      expect(logger.lines.map(({ message }) => message).join()).to.contain('perhaps not in the list')
      await listening.close()
    })

    it('tells the backups of a database that is gone', async () => {
      bench.server.state.backups.set(backup, { name: backup, database, state: 'READY' })
      bench.server.state.databases.clear()
      const alone = await openBackupsOf(bench.server)
      expect((await alone.list({}, {})).map(({ id }) => id)).to.deep.equal([backup])
      await alone.close()
    })
  })

  describe('status', () => {
    it('tells how far an export is, and in the end what it holds', async () => {
      const id = await begin('a')
      bench.server.state.workPerLook = 600
      const running = await bench.backups.status(id, {})
      expect(running).to.deep.include({
        state: 'running',
        progress: { documents: { done: 600, of: 1_000 }, bytes: { done: 60_000, of: 100_000 } }
      })
      const done = await bench.backups.status(id, {})
      expect(done).to.deep.include({ state: 'available', documents: 1_000, bytes: 100_000 })
      expect(done.finishedAt).to.be.instanceOf(Date)
      expect(done).not.to.have.property('progress')
    })

    it('takes the bare id of an operation, as gcloud does', async () => {
      const id = await begin('a')
      expect((await bench.backups.status(id.split('/').pop()!, {})).id).to.equal(id)
    })

    it('says why an export has failed, and whose rights a bucket wants', async () => {
      const id = await begin('a')
      bench.server.state.fail(
        bench.server.state.operation(id),
        7,
        'service-1@gcp-sa-firestore.iam.gserviceaccount.com does not have storage.buckets.get access'
      )
      const failed = await bench.backups.status(id, {})
      expect(failed.state).to.equal('failed')
      expect(failed.message).to.contain('storage.buckets.get').and.contain('roles/storage.admin')
    })

    it('tells one backup, one schedule and the past of the database', async () => {
      bench.server.state.backups.set(backup, { name: backup, database, state: 'CREATING' })
      expect(await bench.backups.status(backup, {})).to.include({ kind: 'backup', state: 'running' })
      const [schedule] = await bench.backups.create({ options: { schedule: 'monday', retention: '2w' } }, {})
      expect(await bench.backups.status(schedule!.id, {})).to.include({
        kind: 'schedule',
        message: 'a backup each Monday, kept for 14 days'
      })
      expect(await bench.backups.status(database, {})).to.include({ kind: 'point-in-time', state: 'off' })
    })

    it('says where there is none of this name', async () => {
      const error = await thrownBy(bench.backups.status(`${database}/operations/none`, {}))
      expect(error.code).to.equal('DOCFERRY_NO_SUCH_BACKUP')
      expect(error.message).to.contain('operations/none').and.contain('docferry backup list')
    })

    it('says what names look like, and to which project a name belongs', async () => {
      expect((await thrownBy(bench.backups.status('arn:aws:dynamodb:x', {}))).message).to.contain(`${database}/operations/ID`)
      expect((await thrownBy(bench.backups.status('projects/q/databases/d/operations/x', {}))).message).to.contain('firestore://q')
    })
  })

  describe('cancel', () => {
    it('stops an export, and says that what it left is of no use', async () => {
      const id = await begin('a')
      expect(await bench.backups.cancel!(id, {})).to.include({ state: 'running', message: 'being cancelled' })
      bench.server.state.work(bench.server.state.operation(id), 1)
      const cancelled = await bench.backups.status(id, {})
      expect(cancelled.state).to.equal('cancelled')
      expect(cancelled.message).to.contain("can't be imported").and.contain(`gcloud storage rm --recursive '${bucket}/a'`)
    })

    it('refuses where there is nothing to stop', async () => {
      const id = await begin('a')
      bench.server.state.work(bench.server.state.operation(id), Infinity)
      expect((await thrownBy(bench.backups.cancel!(id, {}))).message).to.contain('over (available)')
      expect((await thrownBy(bench.backups.cancel!(backup, {}))).code).to.equal('DOCFERRY_CONFIG')
      expect(bench.asked('CancelOperation')).to.deep.equal([])
    })
  })

  describe('remove', () => {
    it('deletes a backup', async () => {
      bench.server.state.backups.set(backup, { name: backup, database, state: 'READY' })
      expect(await bench.backups.remove(backup, {})).to.include({ state: 'deleted', id: backup })
      expect(bench.server.state.backups.size).to.equal(0)
    })

    it('forgets an export, and says how to remove its files', async () => {
      const id = await begin('a')
      bench.server.state.work(bench.server.state.operation(id), Infinity)
      const removed = await bench.backups.remove(id, {})
      expect(removed.state).to.equal('deleted')
      expect(removed.message).to.contain('the files stay').and.contain(`gcloud storage rm --recursive '${bucket}/a'`)
      expect((await thrownBy(bench.backups.status(id, {}))).code).to.equal('DOCFERRY_NO_SUCH_BACKUP')
    })

    it('refuses to forget what is running', async () => {
      const id = await begin('a')
      expect((await thrownBy(bench.backups.remove(id, {}))).message).to.contain('docferry backup cancel')
    })

    it('deletes a schedule, and no backups', async () => {
      const [schedule] = await bench.backups.create({ options: { schedule: 'daily', retention: '7d' } }, {})
      expect((await bench.backups.remove(schedule!.id, {})).message).to.contain('stay until they expire')
      expect(bench.server.state.schedules.size).to.equal(0)
    })

    it('never deletes a database', async () => {
      expect((await thrownBy(bench.backups.remove(database, {}))).code).to.equal('DOCFERRY_CONFIG')
    })
  })

  describe('point in time', () => {
    it('tells how far back the past reaches', async () => {
      const [told] = await bench.backups.pointInTime!(undefined, undefined, {})
      expect(told).to.include({ id: database, kind: 'point-in-time', state: 'off' })
      expect(Date.now() - told!.restorable!.from.getTime()).to.be.within(3_590_000, 3_660_000)
      expect(bench.asked('UpdateDatabase')).to.deep.equal([])
    })

    it('is switched on and off, and nothing else of the database with it', async () => {
      expect((await bench.backups.pointInTime!([], 'on', {}))[0]!.state).to.equal('available')
      expect((await bench.backups.list({}, {})).map(({ kind }) => kind)).to.deep.equal(['point-in-time'])
      expect((await bench.backups.pointInTime!([], 'off', {}))[0]!.state).to.equal('off')
      expect(bench.asked('UpdateDatabase')).to.have.length(2)
    })

    it('is left as it is where it is so already', async () => {
      await bench.backups.pointInTime!(undefined, 'off', {})
      expect(bench.asked('UpdateDatabase')).to.deep.equal([])
    })

    it('is of the whole database, and of seven days', async () => {
      expect((await thrownBy(bench.backups.pointInTime!(['agents'], 'on', {}))).message).to.contain('whole database')
      expect((await thrownBy(bench.backups.pointInTime!(undefined, 'on', { recoveryDays: 35 }))).message).to.contain('7 days')
    })
  })
})
