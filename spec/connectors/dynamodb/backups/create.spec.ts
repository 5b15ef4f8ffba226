import { expect } from 'chai'
import { dynamodbConnector } from '../../../../lib/connectors/dynamodb/index.ts'
import { DocferryError } from '../../../../lib/errors.ts'
import { nowSeconds } from '../../../support/dynamodb-control/state.ts'
import { servers } from '../../../support/servers.ts'
import { Ends, silent } from '../support.ts'
import { backupBench, failed, tableArn } from './support.ts'

describe('dynamodb: creating backups', () => {
  const bench = backupBench()
  const moment = new Date((nowSeconds - 3_600) * 1_000)

  describe('backups on demand', () => {
    it('makes one of each table under one name, and follows them until they are available', async () => {
      const begun = await bench.service.create({ collections: ['agents', 'users'], name: 'before-move' }, {})
      expect(begun.map(({ state, name, collections }) => ({ state, name, collections }))).to.deep.equal([
        { state: 'running', name: 'before-move', collections: ['agents'] },
        { state: 'running', name: 'before-move', collections: ['users'] }
      ])
      const [agents, users] = await bench.wait(begun)
      expect(agents).to.include({ state: 'available', kind: 'backup', bytes: 4096 }).and.have.property('startedAt').that.is.a('date')
      expect(agents!.id).to.match(/^arn:aws:dynamodb:us-east-1:111122223333:table\/agents\/backup\/\d+-\d+$/)
      expect(users).to.include({ state: 'available' })
    })

    it('takes every table, and makes up a name that no other backup has', async () => {
      const begun = await bench.service.create({}, {})
      expect(begun.map(({ collections }) => collections)).to.deep.equal([['agents'], ['users']])
      expect(begun[0]!.name).to.match(/^docferry-\d{8}T\d{6}Z-[0-9a-f]{6}$/)
      expect(begun[1]!.name).to.equal(begun[0]!.name)
    })

    it('takes of a preset what is there', async () => {
      const begun = await bench.service.create({ collections: ['users', 'sessions'], ifThere: true }, {})
      expect(begun.map(({ collections }) => collections)).to.deep.equal([['users']])
      const error = await failed(bench.service.create({ collections: ['sessions'], ifThere: true }, {}))
      expect(error).to.include({ code: 'DOCFERRY_NO_SUCH_COLLECTION' })
    })

    for (const [request, code, words] of [
      [{ collections: ['agents', 'nowhere'] }, 'DOCFERRY_NO_SUCH_COLLECTION', 'nowhere'],
      [{ collections: ['agents'], name: 'a b' }, 'DOCFERRY_CONFIG', '--name: 3 to 255 letters'],
      [{ collections: ['agents'], at: moment }, 'DOCFERRY_CONFIG', '--to s3://bucket/prefix'],
      [{ collections: ['agents'], options: { format: 'ion' } }, 'DOCFERRY_CONFIG', 'format: not for a backup'],
      [{ collections: ['agents'], to: 'gs://bucket/x' }, 'DOCFERRY_CONFIG', 's3://bucket/prefix'],
      [{ collections: ['agents'], to: 's3://-bad-/x' }, 'DOCFERRY_CONFIG', 's3://bucket/prefix'],
      [{ collections: ['agents'], to: 's3://bucket/x', name: 'x' }, 'DOCFERRY_CONFIG', 'gives an export no name'],
      [
        { collections: ['agents'], to: 's3://bucket/x', options: { sse: 'rot13', until: 'x', nonsense: '1' } },
        'DOCFERRY_CONFIG',
        'nonsense: not for'
      ],
      [{ collections: ['agents'], to: 's3://bucket/x', options: { until: moment.toISOString() } }, 'DOCFERRY_CONFIG', 'give since'],
      [
        { collections: ['agents'], to: 's3://bucket/x', options: { since: '2026-11-22', until: '2026-11-21' } },
        'DOCFERRY_CONFIG',
        'before --until'
      ],
      [{ collections: ['agents'], to: 's3://bucket/x', options: { 'kms-key': 'k', sse: 'aes256' } }, 'DOCFERRY_CONFIG', 'sse=kms']
    ] as const) {
      it(`begins nothing where ${JSON.stringify(request)} is wrong`, async () => {
        const error = await failed(bench.service.create(request, {}))
        expect(error).to.include({ code })
        expect(error.message).to.include(words)
        expect(bench.count('CreateBackup') + bench.count('ExportTableToPointInTime')).to.equal(0)
      })
    }

    it('tells what it would begin, and begins nothing', async () => {
      const planned = await bench.service.plan!({ create: { collections: ['agents'], name: 'later' } }, {})
      expect(planned).to.deep.equal([{ id: '', kind: 'backup', state: 'planned', name: 'later', collections: ['agents'] }])
      expect(bench.count('CreateBackup')).to.equal(0)
    })

    it('tries again where DynamoDB asks for less', async () => {
      bench.server.faults.push({ operation: 'CreateBackup', error: 'ThrottlingException', times: 2 })
      expect(await bench.service.create({ collections: ['agents'] }, {})).to.have.length(1)
      expect(bench.server.account.backups).to.have.property('size', 1)
    })

    for (const name of [undefined, 'same']) {
      it(`makes no second one where the answer was lost (${name ? 'also where others have its name' : 'a name made up'})`, async () => {
        if (name) await bench.service.create({ collections: ['agents'], name }, {})
        const before = new Set(bench.server.account.backups.keys())
        bench.server.faults.push({ operation: 'CreateBackup', afterWork: true })
        const [begun] = await bench.service.create({ collections: ['agents'], name }, {})
        const made = [...bench.server.account.backups.keys()].filter(arn => !before.has(arn))
        expect(made).to.deep.equal([begun!.id])
      })
    }

    it('goes on with the other tables where one is refused, and tells that it failed', async () => {
      bench.server.faults.push({ operation: 'CreateBackup', error: 'AccessDeniedException', skip: 1 })
      const begun = await bench.service.create({ collections: ['agents', 'users', 'agents'] }, {})
      expect(begun.map(({ state }) => state)).to.deep.equal(['running', 'failed'])
      expect(begun[1]).to.deep.include({ id: '', collections: ['users'] })
      expect(begun[1]!.message).to.include('dynamodb:CreateBackup')
    })

    it('fails where the first is refused: nothing is begun', async () => {
      bench.server.faults.push({ operation: 'CreateBackup', error: 'AccessDeniedException', times: 9 })
      expect(await failed(bench.service.create({ collections: ['agents', 'users'] }, {}))).to.include({ code: 'DOCFERRY_PERMISSION' })
      expect(bench.count('CreateBackup')).to.equal(1)
    })

    it('tells of those that were begun when it is interrupted in the middle', async () => {
      const controller = new AbortController()
      bench.server.onCall = ({ operation }) => {
        if (operation === 'CreateBackup' && bench.count('CreateBackup') === 2)
          controller.abort(new DocferryError('DOCFERRY_INTERRUPTED', 'interrupted'))
      }
      bench.server.account.addTable('zones')
      const begun = await bench.service.create({}, { signal: controller.signal })
      expect(begun.map(({ state }) => state)).to.deep.equal(['running', 'unknown', 'failed'])
      expect(begun[1]!.message).to.include('docferry backup list')
      expect(begun[2]!.message).to.include('not begun')
    })

    it('says that DynamoDB Local has none', async () => {
      const ends = await Ends.open()
      const local = await dynamodbConnector.openBackups!(await servers.dynamodb(), { logger: silent })
      try {
        const error = await failed(local.create({ collections: [await ends.table()] }, {}))
        expect(error).to.include({ code: 'DOCFERRY_CONFIG' })
        expect(error.message).to.include('DynamoDB Local').and.include('docferry export')
      } finally {
        await local.close()
        await ends.close()
      }
    })
  })

  describe('exports', () => {
    const to = 's3://bucket/some/prefix'
    const switchOn = () => bench.service.pointInTime!(['agents', 'users'], 'on', {})

    it('exports each table to the bucket, and tells the place and the size in the end', async () => {
      await switchOn()
      const begun = await bench.service.create({ collections: ['agents', 'users'], to }, {})
      expect(begun[0]).to.deep.include({ kind: 'export', state: 'running', collections: ['agents'], place: to })
      expect(bench.request('ExportTableToPointInTime')).to.deep.include({
        TableArn: tableArn('users'),
        S3Bucket: 'bucket',
        S3Prefix: 'some/prefix',
        ExportFormat: 'DYNAMODB_JSON'
      })
      const [agents] = await bench.wait(begun)
      expect(agents).to.include({ state: 'available', documents: 42, bytes: 1_048_576 })
      expect(agents!.place).to.match(/^s3:\/\/bucket\/some\/prefix\/AWSDynamoDB\/\d+-\d+\/$/)
      expect(agents!.snapshotAt).to.be.a('date')
    })

    it('hands on format, moment, encryption and owner', async () => {
      await switchOn()
      const options = { format: 'ion', 'kms-key': 'alias/spec', 'bucket-owner': '444455556666' }
      await bench.service.create({ collections: ['agents'], to, at: moment, options }, {})
      expect(bench.request('ExportTableToPointInTime')).to.deep.include({
        ExportFormat: 'ION',
        ExportTime: moment.getTime() / 1000,
        S3SseAlgorithm: 'KMS',
        S3SseKmsKeyId: 'alias/spec',
        S3BucketOwner: '444455556666'
      })
    })

    it('exports only what has changed', async () => {
      await switchOn()
      const since = new Date(moment.getTime() - 3_600_000)
      const options = { since: since.toISOString(), until: moment.toISOString(), view: 'new' }
      const [begun] = await bench.service.create({ collections: ['agents'], to, options }, {})
      expect(bench.request('ExportTableToPointInTime')).to.deep.include({
        ExportType: 'INCREMENTAL_EXPORT',
        IncrementalExportSpecification: {
          ExportFromTime: since.getTime() / 1000,
          ExportToTime: moment.getTime() / 1000,
          ExportViewType: 'NEW_IMAGE'
        }
      })
      expect(begun!.message).to.include('only what changed')
    })

    for (const [what, since, until, words] of [
      ['of less than 15 minutes', '2026-11-22T10:00:00Z', '2026-11-22T10:14:00Z', 'give an earlier --since'],
      ['of more than 24 hours', '2026-11-20T10:00:00Z', '2026-11-22T10:00:00Z', 'give --until 2026-11-21T10:00:00.000Z'],
      [
        'of more than 24 hours until now',
        '2026-11-21T10:00:00Z',
        undefined,
        'the latest that DynamoDB can export, 2026-11-22T11:55:00.000Z'
      ],
      ['from before what is kept', '2026-08-20T10:00:00Z', '2026-11-20T10:00:00Z', 'DynamoDB knows the moments'],
      ['until after what is kept', '2026-11-22T10:00:00Z', '2026-11-23T10:00:00Z', 'DynamoDB knows the moments']
    ] as const) {
      it(`refuses changes ${what}, and asks for nothing`, async () => {
        await switchOn()
        const { script } = bench.server.account
        script.window = [script.window[0] - 5 * 86_400, script.window[1]]
        const options = { since, ...(until !== undefined && { until }) }
        const error = await failed(bench.service.create({ collections: ['agents'], to, options }, {}))
        expect(error).to.include({ code: 'DOCFERRY_CONFIG' })
        expect(error.message).to.include(words)
        expect(bench.count('ExportTableToPointInTime')).to.equal(0)
      })
    }

    it('names every table without continuous backups and the command that switches them on', async () => {
      const error = await failed(bench.service.create({ collections: ['agents', 'users'], to }, {}))
      expect(error).to.include({ code: 'DOCFERRY_CONFIG' })
      expect(error.message).to.include('docferry backup point-in-time on --provider dynamodb --collections agents,users')
    })

    it('refuses a moment that is not kept, with those that are', async () => {
      await switchOn()
      const at = new Date('2020-01-01')
      const error = await failed(bench.service.create({ collections: ['agents'], to, at }, {}))
      expect(error).to.include({ code: 'DOCFERRY_CONFIG' })
      expect(error.message).to.include('2026-11-21T12:00:00.000Z to 2026-11-22T11:55:00.000Z')
    })

    it('begins no second one where the answer was lost', async () => {
      await switchOn()
      bench.server.faults.push({ operation: 'ExportTableToPointInTime', afterWork: true })
      await bench.service.create({ collections: ['agents'], to }, {})
      expect(bench.count('ExportTableToPointInTime')).to.equal(2)
      expect(bench.server.account.exports).to.have.property('size', 1)
    })

    it('tells why it failed in the words of the service where they are of the bucket', async () => {
      await switchOn()
      bench.server.account.script.exportOutcome = { ExportStatus: 'FAILED', FailureCode: 'S3AccessDenied', FailureMessage: 'no PutObject' }
      const [ended] = await bench.wait(await bench.service.create({ collections: ['agents'], to }, {}))
      expect(ended).to.include({ state: 'failed', message: 'DynamoDB: S3AccessDenied: no PutObject' })
    })
  })
})
