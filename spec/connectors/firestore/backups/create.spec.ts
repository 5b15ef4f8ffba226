import { expect } from 'chai'
import { bucket, database, minutesAgo, useBackups } from './support.ts'
import { thrownBy } from '../support.ts'

describe('firestore: creating backups', () => {
  const bench = useBackups()

  it('begins an export to a bucket, and tells what it is', async () => {
    const [begun] = await bench.backups.create({ to: `${bucket}/nightly/`, collections: ['agents', 'agents', 'runs'] }, {})
    expect(begun).to.deep.include({ kind: 'export', state: 'running', place: `${bucket}/nightly`, collections: ['agents', 'runs'] })
    expect(begun!.id).to.match(/^projects\/p\/databases\/\(default\)\/operations\/\w+$/)
    expect(bench.asked('ExportDocuments')[0]).to.deep.include({
      name: database,
      collectionIds: ['agents', 'runs'],
      outputUriPrefix: `${bucket}/nightly`
    })
  })

  it('exports everything where no collection is named, into a folder that Firestore names', async () => {
    const [begun] = await bench.backups.create({ to: bucket }, {})
    expect(begun!.collections).to.deep.equal([])
    expect(begun!.place).to.match(/^gs:\/\/bucket-1\/\d{4}-/)
  })

  it('exports what was there at a moment of the past', async () => {
    const at = minutesAgo(30)
    const [begun] = await bench.backups.create({ to: `${bucket}/past`, at, collections: ['gone-since'] }, {})
    expect(begun!.snapshotAt).to.deep.equal(at)
  })

  it('exports single namespaces', async () => {
    await bench.backups.create({ to: `${bucket}/n`, options: { namespaces: 'one,two' } }, {})
    expect(bench.asked('ExportDocuments')[0]).to.deep.include({ namespaceIds: ['one', 'two'] })
  })

  it('refuses a moment that is no whole minute, with the nearest that is', async () => {
    const at = new Date(minutesAgo(30).getTime() + 1_000)
    const error = await thrownBy(bench.backups.create({ to: bucket, at }, {}))
    expect(error.code).to.equal('DOCFERRY_CONFIG')
    expect(error.message).to.contain(minutesAgo(30).toISOString().replace('.000Z', 'Z'))
  })

  it('refuses a moment before the past that the database keeps, or in the future', async () => {
    const early = await thrownBy(bench.backups.create({ to: bucket, at: minutesAgo(61) }, {}))
    expect(early.message).to.contain('point-in-time recovery')
    const late = await thrownBy(bench.backups.create({ to: bucket, at: minutesAgo(-2) }, {}))
    expect(late.message).to.contain('future')
    expect(bench.asked('ExportDocuments')).to.deep.equal([])
  })

  it('refuses a collection that holds nothing, which would be exported as an empty one', async () => {
    const error = await thrownBy(bench.backups.create({ to: bucket, collections: ['agents', 'agnets'] }, {}))
    expect(error.code).to.equal('DOCFERRY_NO_SUCH_COLLECTION')
    expect(error.message).to.contain('agnets').and.not.contain('agents')
    expect(bench.asked('ExportDocuments')).to.deep.equal([])
  })

  it('exports also for an account that may not see documents', async () => {
    bench.server.failNext('ListCollectionIds', 7)
    const [begun] = await bench.backups.create({ to: `${bucket}/x`, collections: ['agents'] }, {})
    expect(begun!.state).to.equal('running')
  })

  for (const [to, words] of [
    ['s3://bucket/x', 'gs://bucket/prefix'],
    ['gs://', 'gs://bucket/prefix'],
    ['gs://UPPER/x', "can't be a bucket"],
    ['gs://bucket/a*', 'leave out']
  ] as const) {
    it(`refuses to export to ${to}`, async () => {
      const error = await thrownBy(bench.backups.create({ to }, {}))
      expect(error.code).to.equal('DOCFERRY_CONFIG')
      expect(error.message).to.contain(to).and.contain(words)
    })
  }

  it('refuses the path of a collection, with the id that is meant', async () => {
    const error = await thrownBy(bench.backups.create({ to: bucket, collections: ['agents/x/runs'] }, {}))
    expect(error.message).to.contain('runs?')
  })

  it('says what to do where no bucket is named, for Firestore makes backups by schedule only', async () => {
    const error = await thrownBy(bench.backups.create({}, {}))
    expect(error.code).to.equal('DOCFERRY_CONFIG')
    expect(error.message).to.contain('gs://').and.contain('schedule=daily')
  })

  it('makes a schedule of backups', async () => {
    const [daily] = await bench.backups.create({ options: { schedule: 'daily', retention: '7d' } }, {})
    expect(daily).to.deep.include({ kind: 'schedule', state: 'available', message: 'a backup each day, kept for 7 days' })
    const [weekly] = await bench.backups.create({ options: { schedule: 'sunday', retention: '14w' } }, {})
    expect(weekly!.message).to.equal('a backup each Sunday, kept for 98 days')
  })

  it('refuses a second daily schedule, as the service does', async () => {
    const request = { options: { schedule: 'daily', retention: '7d' } }
    await bench.backups.create(request, {})
    expect((await thrownBy(bench.backups.create(request, {}))).message).to.contain('ALREADY_EXISTS')
  })

  for (const options of [
    { schedule: 'hourly', retention: '7d' },
    { schedule: 'daily', retention: '15w' },
    { schedule: 'daily' },
    { retention: '7d' }
  ]) {
    it(`refuses the schedule ${JSON.stringify(options)}`, async () => {
      expect((await thrownBy(bench.backups.create({ options: options as Record<string, string> }, {}))).code).to.equal('DOCFERRY_CONFIG')
      expect(bench.asked('CreateBackupSchedule')).to.deep.equal([])
    })
  }

  it('refuses an option that it does not know', async () => {
    const error = await thrownBy(bench.backups.create({ to: bucket, options: { colour: 'red', format: 'ion' } }, {}))
    expect(error.message).to.contain('colour, format: not for').and.contain('schedule, retention, namespaces')
  })

  it('plans an export and begins nothing', async () => {
    const planned = await bench.backups.plan!({ create: { to: `${bucket}/x`, collections: ['agents'] } }, {})
    expect(planned).to.deep.equal([{ id: '', kind: 'export', state: 'planned', place: `${bucket}/x`, collections: ['agents'] }])
    expect(bench.asked('ExportDocuments')).to.deep.equal([])
  })
})
