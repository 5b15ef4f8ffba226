/** Makes exports as DynamoDB writes them to S3, as they lie in a folder after `aws s3 sync`. */
import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

export interface MadeExport {
  /** The export's folder. */
  readonly folder: string
  /** Paths of its data files. */
  readonly data: readonly string[]
}

export interface ExportOptions {
  readonly table?: string
  /** Default `01693685827463-2d8752fd`. */
  readonly id?: string
  /** Lines of each data file. */
  readonly files: readonly (readonly object[])[]
  /** Put in place of what the summary says. */
  readonly summary?: Readonly<Record<string, unknown>>
  /** What the bucket's keys begin with. */
  readonly prefix?: string
}

export const md5 = (content: string | Buffer): string => createHash('md5').update(content).digest('base64')

/** @param root the folder that stands for the prefix */
export async function makeExport(root: string, options: ExportOptions): Promise<MadeExport> {
  const { table = 'orders', id = '01693685827463-2d8752fd', files, summary, prefix = 'backups/2026/' } = options
  const folder = join(root, 'AWSDynamoDB', id)
  await mkdir(join(folder, 'data'), { recursive: true })
  const listed: object[] = []
  const data: string[] = []
  for (const [index, lines] of files.entries()) {
    const name = `${'abcdefghij'[index]}sdl123dasas.json.gz`
    const content = gzipSync(lines.map(line => `${JSON.stringify(line)}\n`).join(''))
    await writeFile(join(folder, 'data', name), content)
    data.push(join(folder, 'data', name))
    const etag = `${createHash('md5').update(createHash('md5').update(content).digest()).digest('hex')}-1`
    listed.push({ itemCount: lines.length, md5Checksum: md5(content), etag, dataFileS3Key: `${prefix}AWSDynamoDB/${id}/data/${name}` })
  }
  const tableArn = `arn:aws:dynamodb:us-east-1:123456789012:table/${table}`
  const text = JSON.stringify({
    version: '2020-06-30',
    exportArn: `${tableArn}/export/${id}`,
    startTime: '2026-11-04T07:28:34.028Z',
    endTime: '2026-11-04T07:33:43.897Z',
    tableArn,
    tableId: '12345a12-abcd-123a-ab12-1234abc12345',
    exportTime: '2026-11-04T07:28:34.028Z',
    s3Bucket: 'bucket',
    s3Prefix: prefix,
    s3SseAlgorithm: 'AES256',
    s3SseKmsKeyId: null,
    manifestFilesS3Key: `${prefix}AWSDynamoDB/${id}/manifest-files.json`,
    billedSizeBytes: 0,
    itemCount: files.reduce((sum, lines) => sum + lines.length, 0),
    outputFormat: 'DYNAMODB_JSON',
    ...summary
  })
  await writeManifest(folder, 'manifest-summary', text)
  await writeManifest(folder, 'manifest-files', listed.map(each => `${JSON.stringify(each)}\n`).join(''))
  await writeFile(join(folder, '_started'), '')
  return { folder, data }
}

/** With its checksum. */
export async function writeManifest(folder: string, name: string, text: string): Promise<void> {
  await writeFile(join(folder, `${name}.json`), text)
  await writeFile(join(folder, `${name}.md5`), md5(text))
}

/** Lines of items with these ids. */
export function items(...ids: readonly string[]): object[] {
  return ids.map(id => ({ Item: { _id: { S: id }, n: { N: '1.50' } } }))
}
