/** What things are called in AWS: ARNs of tables, backups, exports and imports, and addresses of buckets. */
import { DocferryError } from '../../../errors.ts'

export interface Arn {
  readonly arn: string
  readonly kind: 'table' | 'backup' | 'export' | 'import'
  readonly region: string
  readonly table: string
  /** Of a backup, export or import: `01489602797149-73d8d5bc`. */
  readonly id: string
}

const arnForm = /^arn:aws[a-z-]*:dynamodb:([a-z0-9-]+):\d{12}:table\/([a-zA-Z0-9_.-]{3,255})(?:\/(backup|export|import)\/([a-zA-Z0-9-]+))?$/

const example = 'arn:aws:dynamodb:us-east-1:111122223333:table/agents/backup/01489602797149-73d8d5bc'

/** @throws {DocferryError} DOCFERRY_CONFIG */
export function parseArn(text: string, region: string): Arn {
  const [, ofRegion, table, kind = 'table', id = ''] = arnForm.exec(text) ?? []
  if (ofRegion === undefined || table === undefined) {
    if (/^arn:aws[a-z-]*:backup:/.test(text)) {
      throw configError('this is a recovery point of AWS Backup, which keeps, restores and deletes it itself: aws backup start-restore-job')
    }
    throw configError(`no ARN of a DynamoDB backup, export, import or table: it looks like ${example}; docferry backup list shows them`)
  }
  if (ofRegion !== region)
    throw configError(`this ARN is of region ${ofRegion}, and the connection is to ${region}: give --provider dynamodb://${ofRegion}`)
  return { arn: text, kind: kind as Arn['kind'], region: ofRegion, table, id }
}

/** The name of the table in an ARN that the service has given. */
export function tableOf(arn: string | undefined): string | undefined {
  return arn === undefined ? undefined : arnForm.exec(arn)?.[2]
}

export interface Bucket {
  readonly bucket: string
  /** Without a slash at its beginning; empty: the whole bucket. */
  readonly prefix: string
}

const bucketForm = /^[a-z0-9A-Z]+[.\-\w]*[a-z0-9A-Z]+$/

/** @throws {DocferryError} DOCFERRY_CONFIG */
export function parseBucket(address: string): Bucket {
  const [, bucket = '', prefix = ''] = /^s3:\/\/([^/?#]*)\/*([^?#]*)$/.exec(address) ?? []
  if (bucket.length > 255 || !bucketForm.test(bucket)) throw configError('a bucket is written s3://bucket/prefix')
  if (Buffer.byteLength(prefix) > 1_024) throw configError('a prefix in a bucket has at most 1,024 bytes')
  return { bucket, prefix }
}

export function bucketText({ bucket, prefix }: Bucket): string {
  return `s3://${bucket}/${prefix}`
}

/** Names of tables and of backups have the same form. */
export function nameIssue(what: string, name: string): string | undefined {
  return /^[a-zA-Z0-9_.-]{3,255}$/.test(name)
    ? undefined
    : `${what}: 3 to 255 letters, digits, hyphens, dots and underscores, not ${JSON.stringify(name)}`
}

export function configError(message: string, collection?: string): DocferryError {
  return new DocferryError('DOCFERRY_CONFIG', `dynamodb: ${message}`, {
    provider: 'dynamodb',
    ...(collection !== undefined && { collection })
  })
}
