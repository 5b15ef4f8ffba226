/**
 * The manifests of a DynamoDB export to S3: `manifest-summary.json` says of which table and how many items, `manifest-files.json` lists the
 * data files, a line each. Beside each stands a checksum of it.
 *
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html
 */
import { createHash } from 'node:crypto'
import { DocferryError } from '../../errors.ts'

export const summaryName = 'manifest-summary.json'
export const filesName = 'manifest-files.json'

/** In which folder exports lie, below the prefix that was asked for. */
export const exportsFolder = 'AWSDynamoDB'

export interface ExportSummary {
  readonly table: string
  readonly itemCount: number
  readonly outputFormat: string
  readonly isIncremental: boolean
  /** The state of which time it is; of an incremental export, from when to when. */
  readonly time: string
}

export interface DataFile {
  /** Name without folder. */
  readonly file: string
  readonly itemCount: number
  /** Base64, of the bytes as they are stored. */
  readonly md5?: string | undefined
}

type Fields = Readonly<Record<string, unknown>>

/** @throws {DocferryError} DOCFERRY_DECODE */
export function readExportSummary(text: string, path: string): ExportSummary {
  const fields = parse(text, path)
  const { tableArn, itemCount, outputFormat = 'DYNAMODB_JSON', exportType, exportTime, exportFromTime, exportToTime } = fields
  const [, table] = /:table\/(.+)$/s.exec(String(tableArn)) ?? []
  if (table === undefined) throw damaged(path, 'no tableArn that names a table')
  if (!isCount(itemCount)) throw damaged(path, 'no itemCount')
  const isIncremental = exportType === 'INCREMENTAL_EXPORT'
  const time = isIncremental ? `${String(exportFromTime)} to ${String(exportToTime)}` : String(exportTime)
  return { table, itemCount, outputFormat: String(outputFormat), isIncremental, time }
}

/** @throws {DocferryError} DOCFERRY_DECODE */
export function readDataFiles(text: string, path: string): readonly DataFile[] {
  const lines = text.split('\n').flatMap((line, index) => (line.trim() === '' ? [] : [[line, `${path}, line ${index + 1}`] as const]))
  const files = lines.map(([line, place]): DataFile => {
    const { itemCount, md5Checksum, etag, dataFileS3Key: key } = parse(line, place)
    // The folder that the key names is the bucket's.
    const file = typeof key === 'string' ? key.slice(key.lastIndexOf('/') + 1) : ''
    if (file === '' || file === '.' || file === '..') throw damaged(place, 'no dataFileS3Key that names a file')
    if (!isCount(itemCount)) throw damaged(place, 'no itemCount')
    // Of an object that was uploaded in one piece, S3's own tag is its MD5.
    const tag = typeof etag === 'string' && /^[0-9a-f]{32}$/i.test(etag) ? Buffer.from(etag, 'hex').toString('base64') : undefined
    return { file, itemCount, md5: typeof md5Checksum === 'string' ? md5Checksum : tag }
  })
  const twice = files.find(({ file }, index) => files.findIndex(each => each.file === file) !== index)
  if (twice) throw damaged(path, `${twice.file} twice`)
  return files
}

/**
 * Whether a checksum that stands beside a manifest is of it: MD5 in base64, as the service writes it, or another of the usual ones.
 *
 * @returns undefined for one of a kind that is not known
 */
export function isChecksumOf(content: Buffer, checksum: string): boolean | undefined {
  const text = checksum.trim()
  const bytes = Buffer.from(text, /^(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})$/i.test(text) ? 'hex' : 'base64')
  const algorithm = { 16: 'md5', 20: 'sha1', 32: 'sha256' }[bytes.length]
  return algorithm === undefined ? undefined : createHash(algorithm).update(content).digest().equals(bytes)
}

export function md5Of(content: string | Buffer): string {
  return createHash('md5').update(content).digest('base64')
}

/** A data file that was written, to be listed. */
export interface WrittenFile {
  /** From the bucket's top. */
  readonly key: string
  readonly itemCount: number
  /** Base64. */
  readonly md5: string
}

/** The files that stand beside the data of an export of one table, by name; the same as the service writes for one of its own. */
export function exportManifests(
  table: string,
  id: string,
  startTime: Date,
  files: readonly WrittenFile[]
): Readonly<Record<string, string>> {
  const tableArn = `arn:aws:dynamodb:docferry:000000000000:table/${table}`
  const [start, end] = [startTime.toISOString(), new Date().toISOString()]
  const summary = JSON.stringify({
    version: '2020-06-30',
    exportArn: `${tableArn}/export/${id}`,
    startTime: start,
    endTime: end,
    tableArn,
    exportTime: start,
    manifestFilesS3Key: `${exportsFolder}/${id}/${filesName}`,
    billedSizeBytes: 0,
    itemCount: files.reduce((sum, { itemCount }) => sum + itemCount, 0),
    outputFormat: 'DYNAMODB_JSON',
    exportType: 'FULL_EXPORT'
  })
  const list = files
    .map(({ key, itemCount, md5 }) => {
      const etag = Buffer.from(md5, 'base64').toString('hex')
      return `${JSON.stringify({ itemCount, md5Checksum: md5, etag, dataFileS3Key: key })}\n`
    })
    .join('')
  return {
    [filesName]: list,
    [filesName.replace('.json', '.md5')]: md5Of(list),
    [summaryName]: summary,
    [summaryName.replace('.json', '.md5')]: md5Of(summary)
  }
}

function parse(text: string, place: string): Fields {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw damaged(place, 'no valid JSON: it may be cut')
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  throw damaged(place, 'no JSON object')
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function damaged(place: string, what: string): DocferryError {
  return new DocferryError('DOCFERRY_DECODE', `${place} is no manifest of a DynamoDB export (${what}): download it again`)
}
