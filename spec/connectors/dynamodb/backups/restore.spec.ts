import { expect } from 'chai'
import { nowSeconds } from '../../../support/dynamodb-control/state.ts'
import { backupBench, failed, tableArn } from './support.ts'

describe('dynamodb: restoring', () => {
  const bench = backupBench()
  const moment = new Date((nowSeconds - 3_600) * 1_000)

  /** @returns the ARNs of available backups */
  async function backups(name: string, ...collections: string[]): Promise<string[]> {
    const ended = await bench.wait(await bench.service.create({ collections, name }, {}))
    return ended.map(({ id }) => id)
  }

  describe('restores', () => {
    it('restores a backup into a new table, and says what that does not bring back', async () => {
      const [arn] = await backups('one', 'agents')
      const begun = await bench.service.restore({ from: arn, as: 'agents-old' }, {})
      expect(begun[0]).to.deep.include({ id: tableArn('agents-old'), kind: 'restore', state: 'running', collections: ['agents-old'] })
      const [ended] = await bench.wait(begun)
      expect(ended).to.include({ state: 'available', place: 'agents-old' })
      expect(ended!.message).to.include('time to live').and.include('auto scaling')
      expect(bench.request('RestoreTableFromBackup')).to.deep.equal({ BackupArn: arn, TargetTableName: 'agents-old' })
    })

    it('is not done before the restore itself is, though the table is active', async () => {
      const [arn] = await backups('one', 'agents')
      await bench.service.restore({ from: arn, as: 'agents-old' }, {})
      const { json } = bench.server.account.tables.get('agents-old')!
      bench.server.account.addTable('agents-old', { RestoreSummary: { ...(json['RestoreSummary'] as object) }, TableStatus: 'CREATING' })
      expect(await bench.service.status(tableArn('agents-old'), {})).to.include({ kind: 'restore', state: 'running' })
    })

    it('restores of each table the newest backup of a name', async () => {
      await backups('nightly', 'agents', 'users')
      const [newer] = await backups('nightly', 'agents')
      await bench.service.restore({ from: 'nightly', options: { suffix: '-restored' } }, {})
      const asked = bench.server.calls.filter(({ operation }) => operation === 'RestoreTableFromBackup').map(({ request }) => request)
      expect(asked.map(({ TargetTableName }) => TargetTableName)).to.have.members(['agents-restored', 'users-restored'])
      expect(asked.find(({ TargetTableName }) => TargetTableName === 'agents-restored')).to.include({ BackupArn: newer })
    })

    it('restores under its own name where the table is gone', async () => {
      const [arn] = await backups('one', 'agents')
      bench.server.account.tables.delete('agents')
      expect((await bench.service.restore({ from: arn }, {}))[0]).to.include({ place: 'agents' })
    })

    it('restores a moment, and the latest', async () => {
      await bench.service.pointInTime!(['agents', 'users'], 'on', {})
      const options = { rename: 'agents=agents-then,users=users-then' }
      const begun = await bench.service.restore({ at: moment, collections: ['agents', 'users'], options }, {})
      expect(begun.map(({ place }) => place)).to.deep.equal(['agents-then', 'users-then'])
      expect(begun[0]!.snapshotAt).to.deep.equal(moment)
      await bench.service.restore({ at: 'latest', collections: ['agents'], as: 'agents-now' }, {})
      expect(bench.request('RestoreTableToPointInTime')).to.deep.equal({
        SourceTableName: 'agents',
        TargetTableName: 'agents-now',
        UseLatestRestorableTime: true
      })
    })

    it('hands on billing, encryption and the leaving out of indexes', async () => {
      const [arn] = await backups('one', 'agents')
      const options = { billing: 'on-demand', 'kms-key': 'alias/spec', indexes: 'none' }
      await bench.service.restore({ from: arn, as: 'agents-old', options }, {})
      expect(bench.request('RestoreTableFromBackup')).to.deep.include({
        BillingModeOverride: 'PAY_PER_REQUEST',
        GlobalSecondaryIndexOverride: [],
        LocalSecondaryIndexOverride: [],
        SSESpecificationOverride: { Enabled: true, SSEType: 'KMS', KMSMasterKeyId: 'alias/spec' }
      })
    })

    it('takes a table that a lost answer has begun for its own, and no other', async () => {
      const [arn] = await backups('one', 'agents')
      bench.server.faults.push({ operation: 'RestoreTableFromBackup', afterWork: true })
      const [begun] = await bench.service.restore({ from: arn, as: 'agents-old' }, {})
      expect(begun).to.include({ id: tableArn('agents-old'), kind: 'restore' })
      bench.server.faults.push({ operation: 'RestoreTableFromBackup' })
      bench.server.onCall = ({ operation }) => {
        if (operation === 'RestoreTableFromBackup') bench.server.account.addTable('agents-new')
      }
      expect(await failed(bench.service.restore({ from: arn, as: 'agents-new' }, {}))).to.include({ code: 'DOCFERRY_CONFIG' })
    })

    it('never restores into a table that is there', async () => {
      const [arn] = await backups('one', 'agents')
      for (const request of [{ from: arn }, { from: arn, as: 'users' }]) {
        const error = await failed(bench.service.restore(request, {}))
        expect(error).to.include({ code: 'DOCFERRY_CONFIG' })
        expect(error.message).to.include('already')
      }
      expect(bench.count('RestoreTableFromBackup')).to.equal(0)
    })

    for (const [what, request, code, words] of [
      ['a name for several', { from: 'nightly', as: 'x-y' }, 'DOCFERRY_CONFIG', '--suffix'],
      [
        'two into one',
        { from: 'nightly', options: { rename: 'agents=new,users=new' } },
        'DOCFERRY_CONFIG',
        'two would be restored into new'
      ],
      ['an unknown rename', { from: 'nightly', options: { rename: 'x=y', suffix: '-r' } }, 'DOCFERRY_CONFIG', 'x is not restored'],
      ['a bad name', { from: 'nightly', collections: ['agents'], as: 'a b' }, 'DOCFERRY_CONFIG', '3 to 255'],
      ['a name that no backup has', { from: 'weekly' }, 'DOCFERRY_NO_SUCH_BACKUP', 'weekly'],
      ['a table without a backup', { from: 'nightly', collections: ['agents', 'zones'] }, 'DOCFERRY_NO_SUCH_BACKUP', 'zones'],
      ['a moment and a backup', { from: 'nightly', at: moment }, 'DOCFERRY_CONFIG', 'either'],
      ['a moment of no table', { at: moment }, 'DOCFERRY_CONFIG', '--collections'],
      ['a moment that nothing keeps', { at: moment, collections: ['agents'], as: 'agents-old' }, 'DOCFERRY_CONFIG', 'point-in-time on'],
      ['a bucket of another cloud', { from: 'gs://bucket/x', as: 'abc' }, 'DOCFERRY_CONFIG', 's3://bucket/prefix'],
      ['an ARN of nothing', { from: 'arn:aws:s3:::bucket' }, 'DOCFERRY_CONFIG', 'no ARN of a DynamoDB backup'],
      ['an ARN of a table', { from: tableArn('agents'), as: 'agents-old' }, 'DOCFERRY_CONFIG', 'the ARN of a table'],
      ['an ARN of AWS Backup', { from: 'arn:aws:backup:us-east-1:111122223333:recovery-point:x' }, 'DOCFERRY_CONFIG', 'AWS Backup'],
      [
        'an ARN of another region',
        { from: `${tableArn('agents').replace('us-east-1', 'eu-west-1')}/backup/01489602797149-73d8d5bc` },
        'DOCFERRY_CONFIG',
        '--provider dynamodb://eu-west-1'
      ],
      [
        'a backup that is gone',
        { from: `${tableArn('agents')}/backup/01489602797149-73d8d5bc`, as: 'agents-old' },
        'DOCFERRY_NO_SUCH_BACKUP',
        '01489602797149-73d8d5bc'
      ]
    ] as const) {
      it(`refuses ${what}`, async () => {
        await backups('nightly', 'agents', 'users')
        const error = await failed(bench.service.restore(request, {}))
        expect(error).to.include({ code })
        expect(error.message).to.include(words)
        expect(bench.count('RestoreTableFromBackup') + bench.count('RestoreTableToPointInTime')).to.equal(0)
      })
    }

    it('refuses a backup that is not made yet', async () => {
      const [begun] = await bench.service.create({ collections: ['agents'] }, {})
      const error = await failed(bench.service.restore({ from: begun!.id, as: 'agents-old' }, {}))
      expect(error).to.include({ code: 'DOCFERRY_BACKUP' })
      expect(error.message).to.include('not made yet')
    })

    it('refuses a moment outside of what is kept', async () => {
      await bench.service.pointInTime!(['agents'], 'on', {})
      const error = await failed(bench.service.restore({ at: new Date('2020-01-01'), collections: ['agents'], as: 'agents-old' }, {}))
      expect(error.message).to.include('2026-11-21T12:00:00.000Z to 2026-11-22T11:55:00.000Z')
    })

    it('tells of a restored table that is gone as of no restore', async () => {
      expect(await failed(bench.service.status(tableArn('gone'), {}))).to.include({ code: 'DOCFERRY_NO_SUCH_BACKUP' })
    })
  })

  describe('imports', () => {
    it("makes a new table of docferry's own layout, and tells what came of it", async () => {
      const begun = await bench.service.restore({ from: 's3://bucket/data/', as: 'agents-copy' }, {})
      expect(begun[0]).to.deep.include({ kind: 'import', state: 'running', collections: ['agents-copy'], place: 's3://bucket/data/' })
      const { ClientToken, ...asked } = bench.request('ImportTable')
      expect(ClientToken).to.be.a('string')
      expect(asked).to.deep.equal({
        S3BucketSource: { S3Bucket: 'bucket', S3KeyPrefix: 'data/' },
        InputFormat: 'DYNAMODB_JSON',
        InputCompressionType: 'GZIP',
        TableCreationParameters: {
          TableName: 'agents-copy',
          AttributeDefinitions: [{ AttributeName: '_id', AttributeType: 'S' }],
          KeySchema: [{ AttributeName: '_id', KeyType: 'HASH' }],
          BillingMode: 'PAY_PER_REQUEST'
        }
      })
      const [ended] = await bench.wait(begun)
      expect(ended).to.include({ state: 'available', documents: 42, bytes: 8_192 })
    })

    it('hands on format, compression, key and owner', async () => {
      const options = {
        format: 'csv',
        compression: 'none',
        key: 'city',
        'sort-key': 'year:N',
        'csv-delimiter': ';',
        'csv-header': 'city, year',
        'bucket-owner': '444455556666'
      }
      await bench.service.restore({ from: 's3://bucket', as: 'cities', options }, {})
      expect(bench.request('ImportTable')).to.deep.include({
        S3BucketSource: { S3Bucket: 'bucket', S3BucketOwner: '444455556666' },
        InputFormat: 'CSV',
        InputCompressionType: 'NONE',
        InputFormatOptions: { Csv: { Delimiter: ';', HeaderList: ['city', 'year'] } },
        TableCreationParameters: {
          TableName: 'cities',
          AttributeDefinitions: [
            { AttributeName: 'city', AttributeType: 'S' },
            { AttributeName: 'year', AttributeType: 'N' }
          ],
          KeySchema: [
            { AttributeName: 'city', KeyType: 'HASH' },
            { AttributeName: 'year', KeyType: 'RANGE' }
          ],
          BillingMode: 'PAY_PER_REQUEST'
        }
      })
    })

    it('imports an export by its ARN: from where it lies, in its form, with the key of its table', async () => {
      bench.server.account.addTable('cities', {
        KeySchema: [
          { AttributeName: 'year', KeyType: 'RANGE' },
          { AttributeName: 'city', KeyType: 'HASH' }
        ],
        AttributeDefinitions: [
          { AttributeName: 'year', AttributeType: 'N' },
          { AttributeName: 'city', AttributeType: 'S' }
        ]
      })
      await bench.service.pointInTime!(['cities'], 'on', {})
      const to = 's3://bucket/x'
      const [done] = await bench.wait(await bench.service.create({ collections: ['cities'], to, options: { format: 'ion' } }, {}))
      await bench.service.restore({ from: done!.id, as: 'cities-copy' }, {})
      const { S3BucketSource, InputFormat, TableCreationParameters } = bench.request('ImportTable')
      expect(S3BucketSource).to.deep.equal({ S3Bucket: 'bucket', S3KeyPrefix: `x/AWSDynamoDB/${done!.id.split('/').at(-1)}/data/` })
      expect(InputFormat).to.equal('ION')
      expect(TableCreationParameters).to.deep.include({
        KeySchema: [
          { AttributeName: 'city', KeyType: 'HASH' },
          { AttributeName: 'year', KeyType: 'RANGE' }
        ]
      })
    })

    it('refuses to make a table of an export that is not done, or of changes only', async () => {
      await bench.service.pointInTime!(['agents'], 'on', {})
      const to = 's3://bucket/x'
      const [running] = await bench.service.create({ collections: ['agents'], to }, {})
      expect(await failed(bench.service.restore({ from: running!.id, as: 'copy' }, {}))).to.include({ code: 'DOCFERRY_BACKUP' })
      const [changes] = await bench.wait(
        await bench.service.create({ collections: ['agents'], to, options: { since: moment.toISOString() } }, {})
      )
      expect((await failed(bench.service.restore({ from: changes!.id, as: 'copy' }, {}))).message).to.include('only changes')
    })

    it('is a failure where items are missing in the table', async () => {
      bench.server.account.script.importOutcome = { ErrorCount: 2, ImportedItemCount: 40 }
      const [ended] = await bench.wait(await bench.service.restore({ from: 's3://bucket/x', as: 'copy' }, {}))
      expect(ended).to.include({ state: 'failed' })
      expect(ended!.message).to.include('2 items of 42').and.include('/aws-dynamodb/imports')
    })

    it('says where items of one key have replaced one another', async () => {
      bench.server.account.script.importOutcome = { ImportedItemCount: 40 }
      const [ended] = await bench.wait(await bench.service.restore({ from: 's3://bucket/x', as: 'copy' }, {}))
      expect(ended).to.include({ state: 'available', documents: 40 })
      expect(ended!.message).to.include('42 items were read, and 40 are in the table')
    })

    for (const [status, state] of [
      ['FAILED', 'failed'],
      ['CANCELLED', 'cancelled']
    ] as const) {
      it(`tells that it was ${state}, without words that may quote an item`, async () => {
        bench.server.account.script.importOutcome = {
          ImportStatus: status,
          FailureCode: 'ItemValidationError',
          FailureMessage: 'secret item'
        }
        const [ended] = await bench.wait(await bench.service.restore({ from: 's3://bucket/x', as: 'copy' }, {}))
        expect(ended).to.include({ state, message: 'DynamoDB: ItemValidationError' })
        expect(JSON.stringify(ended)).not.to.include('secret item')
      })
    }

    it('begins no second one where the answer was lost', async () => {
      bench.server.faults.push({ operation: 'ImportTable', afterWork: true })
      await bench.service.restore({ from: 's3://bucket/x', as: 'copy' }, {})
      expect(bench.count('ImportTable')).to.equal(2)
      expect(bench.server.account.imports).to.have.property('size', 1)
    })

    for (const [what, request, words] of [
      ['no name', { from: 's3://bucket/x' }, 'name it (--as)'],
      ['several names', { from: 's3://bucket/x', collections: ['abc', 'def'] }, 'name it (--as)'],
      ['a table that is there', { from: 's3://bucket/x', as: 'agents' }, 'already'],
      ['an option of CSV for JSON', { from: 's3://bucket/x', as: 'abc', options: { 'csv-delimiter': ';' } }, 'for format csv'],
      ['a sort key alone', { from: 's3://bucket/x', as: 'abc', options: { 'sort-key': 'x' } }, 'give key too'],
      ['an option of a restore', { from: 's3://bucket/x', as: 'abc', options: { suffix: '-x' } }, 'suffix: not for an import']
    ] as const) {
      it(`refuses ${what}`, async () => {
        const error = await failed(bench.service.restore(request, {}))
        expect(error).to.include({ code: 'DOCFERRY_CONFIG' })
        expect(error.message).to.include(words)
        expect(bench.count('ImportTable')).to.equal(0)
      })
    }
  })
})
