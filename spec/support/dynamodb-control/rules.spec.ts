import { expect } from 'chai'
import type { OperationName } from './model.ts'
import { issuesOf } from './model.ts'
import { checkImport } from './rules.ts'
import { Account, nowSeconds, tableArn } from './state.ts'
import type { Json } from './state.ts'

const hour = 3_600
const until = nowSeconds - 300

describe('a server of DynamoDB’s protocol: rules between members', () => {
  let account: Account
  beforeEach(() => {
    account = new Account()
    account.addTable('agents')
    account.addTable('users')
    for (const TableName of ['agents', 'users'])
      ask('UpdateContinuousBackups', { TableName, PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true } })
  })

  /** As the server does it: first the members, then what they are for. */
  function ask(operation: OperationName, request: Json): Json {
    expect(issuesOf(operation, request)).to.deep.equal([])
    return account.answer(operation, request)
  }

  function refusal(operation: OperationName, request: Json): string {
    try {
      ask(operation, request)
    } catch (error) {
      return (error as Error).name
    }
    return 'none'
  }

  const exportOf = (changes: Json, more: Json = {}): Json => ({
    TableArn: tableArn('agents'),
    S3Bucket: 'bucket',
    ExportType: 'INCREMENTAL_EXPORT',
    IncrementalExportSpecification: changes,
    ...more
  })

  for (const [what, request, error] of [
    ['15 minutes', exportOf({ ExportFromTime: until - hour, ExportToTime: until - hour + 900 }), 'none'],
    ['less than 15 minutes', exportOf({ ExportFromTime: until - 300, ExportToTime: until }), 'ValidationException'],
    ['more than 24 hours', exportOf({ ExportFromTime: until - 25 * hour }), 'ValidationException'],
    ['no beginning', exportOf({ ExportToTime: until }), 'ValidationException'],
    ['an end before the beginning', exportOf({ ExportFromTime: until - hour, ExportToTime: until - 2 * hour }), 'ValidationException'],
    ['a moment beside a beginning', exportOf({ ExportFromTime: until - hour }, { ExportTime: until }), 'ValidationException'],
    ['a beginning that is not kept', exportOf({ ExportFromTime: until - 90 * 24 * hour }), 'InvalidExportTimeException'],
    ['an end that is not kept', exportOf({ ExportFromTime: until - hour, ExportToTime: until + hour }), 'InvalidExportTimeException']
  ] as const) {
    it(`answers an export of changes of ${what} with ${error}`, () => {
      account.script.window = [until - 48 * hour, until]
      expect(refusal('ExportTableToPointInTime', request)).to.equal(error)
    })
  }

  const restore = { SourceTableName: 'agents', TargetTableName: 'agents-old' }
  for (const [operation, request] of [
    ['RestoreTableToPointInTime', { ...restore, UseLatestRestorableTime: true, RestoreDateTime: until }],
    ['RestoreTableToPointInTime', { ...restore, UseLatestRestorableTime: true, BillingModeOverride: 'PROVISIONED' }],
    [
      'RestoreTableToPointInTime',
      {
        ...restore,
        UseLatestRestorableTime: true,
        BillingModeOverride: 'PAY_PER_REQUEST',
        ProvisionedThroughputOverride: { ReadCapacityUnits: 1, WriteCapacityUnits: 1 }
      }
    ],
    [
      'UpdateContinuousBackups',
      { TableName: 'agents', PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: false, RecoveryPeriodInDays: 7 } }
    ]
  ] as const) {
    it(`refuses ${operation} ${JSON.stringify(request)}`, () => {
      expect(refusal(operation, request)).to.equal('ValidationException')
    })
  }

  const hash = { AttributeName: 'city', KeyType: 'HASH' }
  const city = { AttributeName: 'city', AttributeType: 'S' }
  const importOf = (table: Json, more: Json = {}): Json => ({
    S3BucketSource: { S3Bucket: 'bucket' },
    InputFormat: 'DYNAMODB_JSON',
    TableCreationParameters: {
      TableName: 'cities',
      AttributeDefinitions: [city],
      KeySchema: [hash],
      BillingMode: 'PAY_PER_REQUEST',
      ...table
    },
    ...more
  })

  for (const [what, request, words] of [
    ['no key to hash by', importOf({ KeySchema: [{ ...hash, KeyType: 'RANGE' }] }), 'not a HASH key type'],
    ['a key that is not defined', importOf({ AttributeDefinitions: [] }), 'not defined'],
    ['a definition that is not used', importOf({ AttributeDefinitions: [city, { ...city, AttributeName: 'year' }] }), 'not used'],
    ['capacity that is not given', importOf({ BillingMode: 'PROVISIONED' }), 'Provisioned throughput'],
    ['options for CSV of no CSV', importOf({}, { InputFormatOptions: { Csv: { Delimiter: ';' } } }), 'CSV only']
  ] as const) {
    it(`refuses an import of ${what}`, () => {
      expect(issuesOf('ImportTable', request)).to.deep.equal([])
      expect(() => checkImport(request)).to.throw(words)
    })
  }

  it('calls a table CREATING as long as its import runs, and makes no backups of it', () => {
    const { ImportTableDescription } = ask('ImportTable', importOf({}))
    const statusNow = (): unknown => (ask('DescribeTable', { TableName: 'cities' })['Table'] as Json)['TableStatus']
    expect(statusNow()).to.equal('CREATING')
    expect(refusal('CreateBackup', { TableName: 'cities', BackupName: 'early' })).to.equal('TableInUseException')
    const on = { TableName: 'cities', PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true } }
    expect(refusal('UpdateContinuousBackups', on)).to.equal('ContinuousBackupsUnavailableException')
    for (let look = 0; look <= account.script.looks; look++)
      ask('DescribeImport', { ImportArn: (ImportTableDescription as Json)['ImportArn'] })
    expect(statusNow()).to.equal('ACTIVE')
  })

  it('lists backups of one kind and of a time', () => {
    ask('CreateBackup', { TableName: 'agents', BackupName: 'one' })
    const [backup] = account.backups.values()
    const made = backup!.json['BackupCreationDateTime'] as number
    const count = (request: Json): number => (ask('ListBackups', request)['BackupSummaries'] as unknown[]).length
    expect([{}, { BackupType: 'ALL' }, { TimeRangeLowerBound: made }].map(count)).to.deep.equal([1, 1, 1])
    expect([{ BackupType: 'SYSTEM' }, { TimeRangeUpperBound: made }, { TimeRangeLowerBound: made + 1 }].map(count)).to.deep.equal([0, 0, 0])
  })

  it('lists exports of one table', () => {
    ask('ExportTableToPointInTime', { TableArn: tableArn('agents'), S3Bucket: 'bucket' })
    const count = (name: string): number => (ask('ListExports', { TableArn: tableArn(name) })['ExportSummaries'] as unknown[]).length
    expect(['agents', 'users'].map(count)).to.deep.equal([1, 0])
  })
})
