import { expect } from 'chai'
import { bucket, database, minutesAgo, openBackupsOf, project, useBackups } from './support.ts'
import { thrownBy } from '../support.ts'

const backup = `${project}/locations/eur3/backups/5f3c`

describe('firestore: restoring backups', () => {
  const bench = useBackups()
  beforeEach(() => void bench.server.state.backups.set(backup, { name: backup, database, state: 'READY' }))

  /** A whole export, whose collections are then gone from the database unless they are kept. */
  async function exported(collections: readonly string[] = [], keep = false): Promise<string> {
    const [begun] = await bench.backups.create({ to: `${bucket}/e`, collections }, {})
    bench.server.state.work(bench.server.state.operation(begun!.id), Infinity)
    if (!keep) bench.server.state.database(database).collections.clear()
    return begun!.id
  }

  it('imports an export into an empty database', async () => {
    await exported()
    const [begun] = await bench.backups.restore({ from: `${bucket}/e` }, {})
    expect(begun).to.deep.include({ kind: 'import', state: 'running', place: `${bucket}/e` })
    expect(bench.asked('ImportDocuments')[0]).to.deep.include({ name: database, inputUriPrefix: `${bucket}/e`, collectionIds: [] })
  })

  it('takes the name of the export, and the file that it ends with, for its place', async () => {
    const id = await exported()
    await bench.backups.restore({ from: id }, {})
    await bench.backups.restore({ from: `${bucket}/e/e.overall_export_metadata` }, {})
    expect(bench.asked('ImportDocuments').map(request => (request as { inputUriPrefix: string }).inputUriPrefix)).to.deep.equal([
      `${bucket}/e`,
      `${bucket}/e`
    ])
  })

  it('refuses to import over documents, and says what an import does to them', async () => {
    await exported([], true)
    const error = await thrownBy(bench.backups.restore({ from: `${bucket}/e` }, {}))
    expect(error.code).to.equal('DOCFERRY_CONFIG')
    expect(error.message).to.contain('overwrites documents of the same name and removes none').and.contain('overwrite=yes')
    expect(bench.asked('ImportDocuments')).to.deep.equal([])
  })

  it('looks only at the collections that the export holds', async () => {
    await exported(['runs'], true)
    bench.server.state.database(database).collections.delete('runs')
    expect((await bench.backups.restore({ from: `${bucket}/e` }, {}))[0]!.state).to.equal('running')
  })

  it('imports over documents where that is said', async () => {
    await exported([], true)
    const [begun] = await bench.backups.restore({ from: `${bucket}/e`, options: { overwrite: 'yes' } }, {})
    expect(begun!.state).to.equal('running')
  })

  it('refuses to import unseen where the account may not see documents', async () => {
    await exported()
    bench.server.failNext('RunQuery', 7)
    const error = await thrownBy(bench.backups.restore({ from: `${bucket}/e` }, {}))
    expect(error.message).to.contain('roles/datastore.viewer').and.contain('overwrite=yes')
  })

  it('refuses single collections of an export of everything, which Firestore imports whole only', async () => {
    await exported()
    expect((await thrownBy(bench.backups.restore({ from: `${bucket}/e`, collections: ['runs'] }, {}))).message).to.contain('all or nothing')
  })

  it('refuses collections that the export does not hold', async () => {
    await exported(['runs'])
    const error = await thrownBy(bench.backups.restore({ from: `${bucket}/e`, collections: ['agents'] }, {}))
    expect(error.message).to.contain('it holds runs')
  })

  it('refuses an export that is not whole', async () => {
    const [begun] = await bench.backups.create({ to: `${bucket}/half` }, {})
    expect((await thrownBy(bench.backups.restore({ from: begun!.id }, {}))).message).to.contain('not done yet')
    expect((await thrownBy(bench.backups.restore({ from: `${bucket}/half` }, {}))).message).to.contain('not done yet')
  })

  it('restores a backup into a new database', async () => {
    const [begun] = await bench.backups.restore({ from: backup, as: 'copy-1' }, {})
    expect(begun).to.deep.include({ kind: 'restore', state: 'running', place: 'copy-1' })
    expect(bench.asked('RestoreDatabase')[0]).to.deep.include({ parent: project, databaseId: 'copy-1', backup })
    expect((await bench.backups.status(begun!.id, {})).progress).to.deep.equal({ percent: 0 })
  })

  it('restores a backup of a database that is gone', async () => {
    bench.server.state.databases.clear()
    const alone = await openBackupsOf(bench.server)
    expect((await alone.restore({ from: backup, as: '(default)' }, {}))[0]!.place).to.equal('(default)')
    await alone.close()
  })

  it('restores a moment of the past into a new database', async () => {
    bench.server.state.database(database).pointInTime = true
    const at = minutesAgo(3 * 24 * 60)
    const [begun] = await bench.backups.restore({ at, as: 'copy-2' }, {})
    expect(begun).to.deep.include({ kind: 'restore', snapshotAt: at, place: 'copy-2' })
  })

  it('restores as late as the service can: the last whole minute', async () => {
    const [begun] = await bench.backups.restore({ at: 'latest', as: 'copy-3' }, {})
    expect(Date.now() - begun!.snapshotAt!.getTime()).to.be.below(120_000)
    expect(begun!.snapshotAt!.getTime() % 60_000).to.equal(0)
  })

  for (const as of [undefined, 'abc', '1copy', 'Copy', 'copy-', '5f3c0000-0000-0000-0000-000000000000']) {
    it(`refuses to restore a backup as ${as}`, async () => {
      const error = await thrownBy(bench.backups.restore({ from: backup, as }, {}))
      expect(error.code).to.equal('DOCFERRY_CONFIG')
      expect(error.message).to.contain('--as')
      expect(bench.asked('RestoreDatabase')).to.deep.equal([])
    })
  }

  it('refuses to restore into a database that is there', async () => {
    const error = await thrownBy(bench.backups.restore({ from: backup, as: '(default)' }, {}))
    expect(error.message).to.contain('there is a database of this id')
  })

  it('refuses single collections of a backup', async () => {
    expect((await thrownBy(bench.backups.restore({ from: backup, as: 'copy-1', collections: ['runs'] }, {}))).message).to.contain(
      'restored whole'
    )
  })

  it('refuses a backup that is not ready, and one that there is none of', async () => {
    bench.server.state.backups.get(backup)!.state = 'CREATING'
    expect((await thrownBy(bench.backups.restore({ from: backup, as: 'copy-1' }, {}))).message).to.contain('CREATING')
    const none = await thrownBy(bench.backups.restore({ from: `${backup}0`, as: 'copy-1' }, {}))
    expect(none.code).to.equal('DOCFERRY_NO_SUCH_BACKUP')
  })

  it('refuses what does not go together', async () => {
    for (const request of [
      {},
      { from: backup, at: minutesAgo(1), as: 'copy-1' },
      { from: `${bucket}/e`, as: 'copy-1' },
      { from: database, as: 'copy-1' }
    ]) {
      expect((await thrownBy(bench.backups.restore(request, {}))).code).to.equal('DOCFERRY_CONFIG')
    }
  })

  it('plans a restore and begins nothing', async () => {
    expect(await bench.backups.plan!({ restore: { from: backup, as: 'copy-1' } }, {})).to.deep.equal([
      { id: '', kind: 'restore', state: 'planned', place: 'copy-1' }
    ])
    expect(bench.asked('RestoreDatabase')).to.deep.equal([])
  })
})
