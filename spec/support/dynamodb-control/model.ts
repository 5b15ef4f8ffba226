/**
 * What DynamoDB takes in the requests about backups, exports, imports and restores: members, which are required, patterns, lengths and words, from the vendor's
 * description of the API (aws/api-models-aws, dynamodb-2012-08-10). Stricter than the service in one point: a member that is not known is refused.
 */

type Check = (value: unknown, path: string) => string[]

interface TextRules {
  readonly min?: number
  readonly max?: number
  readonly pattern?: RegExp
  readonly oneOf?: readonly string[]
}

function text({ min = 0, max = Infinity, pattern, oneOf }: TextRules = {}): Check {
  return (value, path) => {
    const fails = (constraint: string): string[] => [
      `Value '${String(value)}' at '${path}' failed to satisfy constraint: Member must ${constraint}`
    ]
    if (typeof value !== 'string') return [`'${path}' is no string`]
    if (value.length < min) return fails(`have length greater than or equal to ${min}`)
    if (value.length > max) return fails(`have length less than or equal to ${max}`)
    if (oneOf && !oneOf.includes(value)) return fails(`satisfy enum value set: [${oneOf.join(', ')}]`)
    if (pattern && !new RegExp(`^(?:${pattern.source})$`).test(value)) return fails(`satisfy regular expression pattern: ${pattern.source}`)
    return []
  }
}

function number(min: number, max = Infinity): Check {
  return (value, path) =>
    typeof value === 'number' && value >= min && value <= max ? [] : [`Value '${String(value)}' at '${path}' must be from ${min} to ${max}`]
}

/** Seconds since 1970, with a fraction. */
const time = number(0, 32_503_680_000)

const bool: Check = (value, path) => (typeof value === 'boolean' ? [] : [`'${path}' is no boolean`])

function list(of: Check, min = 0, max = Infinity): Check {
  return (value, path) => {
    if (!Array.isArray(value)) return [`'${path}' is no list`]
    if (value.length < min || value.length > max) return [`'${path}' must have ${min} to ${max} members`]
    return value.flatMap((each, index) => of(each, `${path}.${index + 1}.member`))
  }
}

/** Names that end with `!` are required. */
function structure(members: Readonly<Record<string, Check>>): Check {
  const known = new Map(Object.entries(members).map(([name, check]) => [name.replace('!', ''), { check, isRequired: name.endsWith('!') }]))
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`'${path}' is no structure`]
    const place = (name: string): string => (path === '' ? name : `${path}.${name}`)
    const missing = [...known]
      .filter(([name, { isRequired }]) => isRequired && !(name in value))
      .map(([name]) => `Value null at '${place(name)}' failed to satisfy constraint: Member must not be null`)
    const wrong = Object.entries(value).flatMap(
      ([name, member]) => known.get(name)?.check(member, place(name)) ?? [`unknown member ${place(name)}`]
    )
    return [...missing, ...wrong]
  }
}

const name = text({ min: 3, max: 255, pattern: /[a-zA-Z0-9_.-]+/ })
const tableArn = text({ min: 1, max: 1024 })
const arn = text({ min: 37, max: 1024 })
const keyName = text({ min: 1, max: 255 })
const billing = text({ oneOf: ['PROVISIONED', 'PAY_PER_REQUEST'] })
const token = text({ pattern: /[^$]+/ })
const bucket = text({ max: 255, pattern: /[a-z0-9A-Z]+[.\-\w]*[a-z0-9A-Z]+/ })
const owner = text({ pattern: /[0-9]{12}/ })
const prefix = text({ max: 1024 })
const keySchema = list(structure({ 'AttributeName!': keyName, 'KeyType!': text({ oneOf: ['HASH', 'RANGE'] }) }), 1, 2)
const throughput = structure({ 'ReadCapacityUnits!': number(1), 'WriteCapacityUnits!': number(1) })
const onDemand = structure({ MaxReadRequestUnits: number(-1), MaxWriteRequestUnits: number(-1) })
const projection = structure({
  ProjectionType: text({ oneOf: ['ALL', 'KEYS_ONLY', 'INCLUDE'] }),
  NonKeyAttributes: list(keyName, 1, 20)
})
const index = { 'IndexName!': name, 'KeySchema!': keySchema, 'Projection!': projection }
const encryption = structure({ Enabled: bool, SSEType: text({ oneOf: ['AES256', 'KMS'] }), KMSMasterKeyId: text() })
const restoring = {
  'TargetTableName!': name,
  BillingModeOverride: billing,
  GlobalSecondaryIndexOverride: list(structure({ ...index, ProvisionedThroughput: throughput, OnDemandThroughput: onDemand })),
  LocalSecondaryIndexOverride: list(structure(index)),
  ProvisionedThroughputOverride: throughput,
  OnDemandThroughputOverride: onDemand,
  SSESpecificationOverride: encryption
}

const requests = {
  CreateBackup: structure({ 'TableName!': tableArn, 'BackupName!': name }),
  ListBackups: structure({
    TableName: tableArn,
    Limit: number(1, 100),
    TimeRangeLowerBound: time,
    TimeRangeUpperBound: time,
    ExclusiveStartBackupArn: arn,
    BackupType: text({ oneOf: ['USER', 'SYSTEM', 'AWS_BACKUP', 'ALL'] })
  }),
  DescribeBackup: structure({ 'BackupArn!': arn }),
  DeleteBackup: structure({ 'BackupArn!': arn }),
  RestoreTableFromBackup: structure({ ...restoring, 'BackupArn!': arn }),
  DescribeContinuousBackups: structure({ 'TableName!': tableArn }),
  UpdateContinuousBackups: structure({
    'TableName!': tableArn,
    'PointInTimeRecoverySpecification!': structure({ 'PointInTimeRecoveryEnabled!': bool, RecoveryPeriodInDays: number(1, 35) })
  }),
  RestoreTableToPointInTime: structure({
    ...restoring,
    SourceTableArn: tableArn,
    SourceTableName: name,
    UseLatestRestorableTime: bool,
    RestoreDateTime: time
  }),
  ExportTableToPointInTime: structure({
    'TableArn!': tableArn,
    ExportTime: time,
    ClientToken: token,
    'S3Bucket!': bucket,
    S3BucketOwner: owner,
    S3Prefix: prefix,
    S3SseAlgorithm: text({ oneOf: ['AES256', 'KMS'] }),
    S3SseKmsKeyId: text({ min: 1, max: 2048 }),
    ExportFormat: text({ oneOf: ['DYNAMODB_JSON', 'ION'] }),
    ExportType: text({ oneOf: ['FULL_EXPORT', 'INCREMENTAL_EXPORT'] }),
    IncrementalExportSpecification: structure({
      ExportFromTime: time,
      ExportToTime: time,
      ExportViewType: text({ oneOf: ['NEW_IMAGE', 'NEW_AND_OLD_IMAGES'] })
    })
  }),
  ListExports: structure({ TableArn: tableArn, MaxResults: number(1, 25), NextToken: text() }),
  DescribeExport: structure({ 'ExportArn!': arn }),
  ImportTable: structure({
    ClientToken: token,
    'S3BucketSource!': structure({ S3BucketOwner: owner, 'S3Bucket!': bucket, S3KeyPrefix: prefix }),
    'InputFormat!': text({ oneOf: ['DYNAMODB_JSON', 'ION', 'CSV'] }),
    InputFormatOptions: structure({
      Csv: structure({
        Delimiter: text({ min: 1, max: 1, pattern: /[,;:|\t ]/ }),
        HeaderList: list(text({ min: 1, max: 65_536, pattern: /[\x20-\x21\x23-\x2B\x2D-\x7E]*/ }), 1, 255)
      })
    }),
    InputCompressionType: text({ oneOf: ['GZIP', 'ZSTD', 'NONE'] }),
    'TableCreationParameters!': structure({
      'TableName!': name,
      'AttributeDefinitions!': list(structure({ 'AttributeName!': keyName, 'AttributeType!': text({ oneOf: ['S', 'N', 'B'] }) })),
      'KeySchema!': keySchema,
      BillingMode: billing,
      ProvisionedThroughput: throughput,
      OnDemandThroughput: onDemand,
      SSESpecification: encryption,
      GlobalSecondaryIndexes: list(structure({ ...index, ProvisionedThroughput: throughput, OnDemandThroughput: onDemand }))
    })
  }),
  ListImports: structure({
    TableArn: tableArn,
    PageSize: number(1, 25),
    NextToken: text({ min: 112, max: 1024, pattern: /(?:[0-9a-f]{16})+/ })
  }),
  DescribeImport: structure({ 'ImportArn!': arn }),
  DescribeTable: structure({ 'TableName!': tableArn }),
  ListTables: structure({ ExclusiveStartTableName: name, Limit: number(1, 100) })
} satisfies Readonly<Record<string, Check>>

export type OperationName = keyof typeof requests

export function isOperation(operation: string): operation is OperationName {
  return Object.hasOwn(requests, operation)
}

/** @returns what is wrong with it; nothing where it is right */
export function issuesOf(operation: OperationName, request: unknown): string[] {
  return requests[operation](request, '')
}
