/** Importing from a bucket, always into a new table: docferry's own (`_id`, text), that of the export's table, or as it is told. */
import { randomUUID } from 'node:crypto'
import type { ImportTableInput } from '@aws-sdk/client-dynamodb'
import type { RestoreRequest } from '../../../contracts/backup.ts'
import { DocferryError } from '../../../errors.ts'
import { ask, find } from './control.ts'
import type { OpenConnection } from './control.ts'
import { exportOf, importOf } from './describe.ts'
import { describeExport } from './list.ts'
import { bucketText, configError, nameIssue, parseBucket } from './names.ts'
import type { Arn, Bucket } from './names.ts'
import { bucketOwner, compressions, formats, keyPart, matching, oneOf, readOptions } from './options.ts'
import type { KeyPart } from './options.ts'
import type { Step } from './steps.ts'

interface ImportOptions {
  readonly format: 'DYNAMODB_JSON' | 'ION' | 'CSV'
  readonly compression: 'GZIP' | 'ZSTD' | 'NONE'
  readonly key: KeyPart
  readonly sortKey: KeyPart
  readonly csvDelimiter: string
  readonly csvHeader: string
  readonly bucketOwner: string
}

/** Where the files are, and what is known of them. */
interface Files {
  readonly place: Bucket
  readonly format?: 'DYNAMODB_JSON' | 'ION'
  readonly owner?: string
  readonly key?: readonly KeyPart[]
}

/** @throws {DocferryError} DOCFERRY_CONFIG, DOCFERRY_NO_SUCH_BACKUP, DOCFERRY_BACKUP */
export async function importSteps(
  connection: OpenConnection,
  { from = '', as, collections, options }: RestoreRequest,
  arn: Arn | undefined,
  signal: AbortSignal | undefined
): Promise<readonly Step[]> {
  const read = readOptions<ImportOptions>('an import', options, {
    format: ['format', oneOf({ ...formats, csv: 'CSV' } as const)],
    compression: ['compression', oneOf(compressions)],
    key: ['key', keyPart],
    sortKey: ['sort-key', keyPart],
    csvDelimiter: ['csv-delimiter', matching(/^[,;:|\t ]$/, 'one of , ; : | tab and space')],
    csvHeader: ['csv-header', matching(/^[\x20-\x21\x23-\x7E]+$/, 'names with commas between them')],
    bucketOwner: ['bucket-owner', bucketOwner]
  })
  const [target = as, ...more] = collections ?? []
  const name = as ?? target
  if (name === undefined || more.length > 0) throw configError('an import makes one new table: name it (--as)')
  const issue = nameIssue('--as', name)
  if (issue) throw configError(issue)
  const files = arn ? await filesOf(connection, arn, signal) : { place: parseBucket(from) }
  const input = inputOf(name, files, read)
  if (await find(connection, name, signal))
    throw configError(`there is a table ${name} already, and DynamoDB imports only into a new one: give --as`)
  const { sdk, client } = connection
  return [
    {
      planned: { id: '', kind: 'import', state: 'planned', collections: [name], place: bucketText(files.place) },
      async begin() {
        const { ImportTableDescription } = await ask(connection, 'ImportTable', { collection: name, signal }, send =>
          client.send(new sdk.ImportTableCommand(input), send)
        )
        return importOf(ImportTableDescription!)
      }
    }
  ]
}

/** Of an export that DynamoDB still knows: where its files are, in which form, and the key of its table, where that is still there. */
async function filesOf(connection: OpenConnection, { arn, table }: Arn, signal: AbortSignal | undefined): Promise<Files> {
  const description = await describeExport(connection, arn, signal)
  const { state } = exportOf(description)
  if (state !== 'available')
    throw new DocferryError('DOCFERRY_BACKUP', `the export of ${table} is ${state === 'running' ? 'not done yet' : state}: ${arn}`, {
      provider: 'dynamodb'
    })
  if (description.ExportType === 'INCREMENTAL_EXPORT')
    throw configError('that export holds only changes, which no table can be made of: take one of all')
  const source = await find(connection, table, signal)
  const types = new Map(source?.AttributeDefinitions?.map(({ AttributeName, AttributeType }) => [AttributeName, AttributeType]))
  const key = source?.KeySchema?.toSorted(({ KeyType }) => (KeyType === 'HASH' ? -1 : 1)).map(({ AttributeName: name = '' }) => ({
    name,
    type: types.get(name) ?? 'S'
  }))
  const folder = (description.ExportManifest ?? '').replace(/[^/]*$/, '')
  return {
    place: { bucket: description.S3Bucket ?? '', prefix: `${folder}data/` },
    format: description.ExportFormat === 'ION' ? 'ION' : 'DYNAMODB_JSON',
    owner: description.S3BucketOwner,
    ...(key && { key })
  }
}

function inputOf(name: string, files: Files, read: Partial<ImportOptions>): ImportTableInput {
  const { format = files.format ?? 'DYNAMODB_JSON', compression = 'GZIP', key, sortKey, csvDelimiter, csvHeader } = read
  if (format !== 'CSV' && (csvDelimiter !== undefined || csvHeader !== undefined))
    throw configError('csv-delimiter and csv-header are for format csv')
  if (sortKey && !key) throw configError('sort-key: give key too')
  const parts: readonly KeyPart[] = key ? [key, ...(sortKey ? [sortKey] : [])] : (files.key ?? [{ name: '_id', type: 'S' }])
  const csv = { Delimiter: csvDelimiter, HeaderList: csvHeader?.split(',').map(header => header.trim()) }
  return {
    // The same for every try, so that a try whose answer was lost does not begin a second one.
    ClientToken: randomUUID(),
    S3BucketSource: {
      S3Bucket: files.place.bucket,
      S3KeyPrefix: files.place.prefix || undefined,
      S3BucketOwner: read.bucketOwner ?? files.owner
    },
    InputFormat: format,
    InputFormatOptions: format === 'CSV' && (csvDelimiter ?? csvHeader) !== undefined ? { Csv: csv } : undefined,
    InputCompressionType: compression,
    TableCreationParameters: {
      TableName: name,
      AttributeDefinitions: parts.map(part => ({ AttributeName: part.name, AttributeType: part.type })),
      KeySchema: parts.map((part, index) => ({ AttributeName: part.name, KeyType: index === 0 ? 'HASH' : 'RANGE' })),
      BillingMode: 'PAY_PER_REQUEST'
    }
  }
}
