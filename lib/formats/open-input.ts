/** Finds out what an input is, from its name and its first bytes, and reads it: the one way from bytes to pages. */
import { DocferryError } from '../errors.ts'
import { isMap, parseJson } from '../values/index.ts'
import type { Value } from '../values/index.ts'
import type { Page, SecurityObject } from '../types.ts'
import { isCouchbackup, readCouchbackup } from './couchbackup.ts'
import type { CouchbackupOptions } from './couchbackup.ts'
import { parseControl } from './document-line.ts'
import type { Header } from './document-line.ts'
import { itemLineReader, mayBeItemLine, readItemLine } from './dynamodb/item-lines.ts'
import { keyOfItem, unknownKey } from './dynamodb/key-option.ts'
import type { KeyNames } from './dynamodb/key-option.ts'
import type { ItemJson } from './dynamodb/values.ts'
import { gunzip, isGzip } from './gzip.ts'
import { withoutByteOrderMark } from './lines.ts'
import { readNdjson } from './ndjson.ts'
import type { NdjsonOptions } from './ndjson.ts'
import { jsonOverLines } from './over-lines.ts'
import type { OverLines } from './over-lines.ts'
import { Peekable } from './peekable.ts'

/** How the bytes of one file are read. `dynamodb-json`: items a line; `couchbackup`: arrays of documents a line. */
export type Format = 'ndjson' | 'json' | 'dynamodb-json' | 'couchbackup'

/** So much is looked at, at most, to learn what an input is. */
const maxHeadBytes = 4 << 20
/** What stands before the documents of an export is short. */
const headStepBytes = 4 << 10

/** What the beginning of an input tells. */
export interface Head {
  readonly format: Format
  /** An export of docferry's or Gofannon's, with its metadata where they come before the documents. */
  readonly metadata?: Header['metadata']
  /** Whether each document belongs to a collection that the file names. */
  readonly hasSections: boolean
  /** Of DynamoDB JSON. */
  readonly firstItem?: ItemJson | undefined
}

/** What the formats that need it are told besides. */
export type InputReading = Omit<NdjsonOptions & CouchbackupOptions, 'name' | 'listed' | 'entryOf'>

export interface Input {
  readonly head: Head
  readonly gzip: boolean
  /** Call once. */
  read(options: InputReading): AsyncGenerator<Page>
  close(): Promise<void>
}

export interface OpenInputOptions {
  /** Of the input, for messages. */
  readonly name: string
  /** What the user said that it is. */
  readonly format?: Format | undefined
  /** Of the table that items of DynamoDB JSON are from. Default: docferry's own, `_id`. */
  readonly key?: KeyNames | undefined
}

/** The format that a file's name tells, and whether it says gzip. */
export function formatOfName(path: string): {
  readonly format: 'ndjson' | 'json' | undefined
  readonly gzip: boolean
  readonly stem: string
} {
  const base = path.replace(/^.*\//, '')
  const gzip = /\.gz$/i.test(base)
  const plain = gzip ? base.slice(0, -3) : base
  const extension = /\.(ndjson|jsonl|json)$/i.exec(plain)?.[1]?.toLowerCase()
  const format = extension === undefined ? undefined : extension === 'json' ? 'json' : 'ndjson'
  return { format, gzip, stem: extension === undefined ? plain : plain.slice(0, -extension.length - 1) }
}

/**
 * Read the beginning of an input, without losing it for the reading.
 *
 * @param raw the bytes as they are stored
 * @throws {DocferryError} DOCFERRY_CONFIG where neither name nor contents tell the format; DOCFERRY_DECODE
 */
export async function openInput(raw: AsyncIterable<Buffer>, options: OpenInputOptions): Promise<Input> {
  const { name } = options
  const stored = new Peekable(raw)
  const gzip = isGzip(await stored.peek(2)) || (formatOfName(name).gzip && stored.isEmpty)
  const text = gzip ? new Peekable(gunzip(stored, { name })) : stored
  try {
    const head = await readHead(text, options)
    const listed = head.metadata?.collections
    if (head.firstItem && !keyOfItem(options.key, head.firstItem)) throw unknownKey(name, options.key, head.firstItem)
    return {
      head,
      gzip,
      read: reading => readerOf(head.format, options.key)(text, { ...reading, name, listed }),
      close: () => text.close()
    }
  } catch (error) {
    await text.close()
    throw error
  }
}

/** How a format is read: from its beginning or, but for JSON, from the place of a cursor. */
export function readerOf(
  format: Format,
  key: KeyNames | undefined
): (chunks: AsyncIterable<Buffer>, options: NdjsonOptions & CouchbackupOptions) => AsyncGenerator<Page> {
  if (format === 'json') return readJson
  if (format === 'couchbackup') return readCouchbackup
  if (format === 'ndjson') return readNdjson
  const entryOf = itemLineReader({ key })
  return (chunks, options) => readNdjson(chunks, { ...options, entryOf })
}

/** Loaded where there is JSON: its parser is a package of many files. */
async function* readJson(chunks: AsyncIterable<Buffer>, options: NdjsonOptions): AsyncGenerator<Page> {
  const json = await import('./json.ts')
  yield* json.readJson(chunks, options)
}

async function readHead(text: Peekable, { name, format }: OpenInputOptions): Promise<Head> {
  const told = format ?? formatOfName(name).format
  for (let wanted = 1; ; wanted = text.peeked.length + 1) {
    const bytes = withoutByteOrderMark(await text.peek(wanted))
    const isAll = text.peeked.length < wanted || bytes.length >= maxHeadBytes
    // Of what can't be read at all, nothing can be told.
    if (text.isEmpty) text.throwError()
    const head = await recognise(bytes, isAll, format, told, name)
    if (head) return head
    if (isAll) {
      if (told) return { format: told, hasSections: false }
      text.throwError()
      throw new DocferryError(
        'DOCFERRY_CONFIG',
        `${name}: neither its name nor its beginning tells its format; say which it is, as in file:${name}?format=ndjson (or json, dynamodb-json, couchbackup)`
      )
    }
  }
}

/** @returns undefined where more has to be read to tell */
async function recognise(
  bytes: Buffer,
  isAll: boolean,
  said: Format | undefined,
  told: Format | undefined,
  name: string
): Promise<Head | undefined> {
  const start = bytes.subarray(0, 4096).toString()
  const [first] = start.trimStart()
  const isExport = /^\s*\{\s*"(?:metadata|data)"\s*:/.test(start)
  const isHeader = /^[ \t]*\{[ \t]*"\$docferry"/.test(start)
  const mayBecomeKnown = !isAll && start.trimStart().length < 64
  if (said === 'couchbackup') return { format: said, hasSections: false }
  if (said === undefined) {
    const isBackup = isCouchbackup(bytes, isAll)
    if (isBackup !== false) return isBackup && { format: 'couchbackup', hasSections: false }
  }
  if (said === 'dynamodb-json' || (said === undefined && mayBeItemLine(start, isAll))) {
    const from = Buffer.byteLength(/^\s*/.exec(start)?.[0] ?? '')
    const end = bytes.indexOf(0x0a, from)
    if (end === -1 && !isAll) return undefined
    const firstItem = readItemLine(bytes.toString('utf8', from, end === -1 ? bytes.length : end))
    if (said || firstItem) return { format: 'dynamodb-json', hasSections: false, firstItem }
  }
  if (said !== 'ndjson' && told !== 'ndjson') {
    if (first === '[') return { format: 'json', hasSections: false }
    if (isExport) return await recogniseJson(bytes, isAll, name)
  }
  if (said !== 'json') {
    if (isHeader) return recogniseHeader(bytes, isAll)
    if (mayBecomeKnown) return undefined
    const overLines = told === 'ndjson' ? jsonOverLines(bytes, isAll) : undefined
    if (overLines === 'more') return undefined
    if (overLines) throw noNdjson(name, overLines)
    // A first line that goes on behind its brace is a document; what begins with a brace alone is JSON over several lines.
    if (told !== 'ndjson' && /^\s*\{[ \t]*"/.test(start) && (told !== 'json' || firstLineIsDocument(bytes)))
      return { format: 'ndjson', hasSections: false }
  }
  if (mayBecomeKnown) return undefined
  return told ? { format: told, hasSections: told === 'json' && first === '{' } : undefined
}

function noNdjson(name: string, found: OverLines): DocferryError {
  const what = { list: 'a JSON list', export: 'a JSON export over several lines', map: 'JSON over several lines' }[found]
  const instead =
    found === 'map'
      ? 'put each document on a line of its own, as jq -c . does'
      : `end its name in .json, or say --format json (in an address: file:${name}?format=json)`
  return new DocferryError('DOCFERRY_CONFIG', `${name} holds ${what}, and not NDJSON, which is a document a line: ${instead}`)
}

function recogniseHeader(bytes: Buffer, isAll: boolean): Head | undefined {
  const end = bytes.indexOf(0x0a)
  if (end === -1 && !isAll) return undefined
  // The sections behind it tell what a header that long would.
  if (end === -1 && bytes.length >= maxHeadBytes) return { format: 'ndjson', hasSections: true, metadata: {} }
  let control: ReturnType<typeof parseControl>
  try {
    control = parseControl(parseJson(bytes.toString('utf8', 0, end === -1 ? bytes.length : end)))
  } catch (error) {
    // Cut or damaged: reading says so, with the place.
    if (!(error instanceof SyntaxError)) throw error
  }
  const metadata = control && 'header' in control ? plainMetadata(control.header.metadata as Value) : undefined
  return { format: 'ndjson', hasSections: metadata !== undefined, metadata }
}

async function recogniseJson(bytes: Buffer, isAll: boolean, name: string): Promise<Head | undefined> {
  const { JsonText } = await import('./json-text.ts')
  const text = new JsonText(name, { collection: null, isWanted: () => false })
  const { documents } = text
  try {
    for (let from = 0; from < bytes.length && documents.metadata === undefined; from += headStepBytes)
      text.pushAll(bytes.subarray(from, from + headStepBytes))
  } catch (error) {
    // Reading meets it again and says where it is.
    if (!(error instanceof DocferryError)) throw error
    return { format: 'json', hasSections: true, metadata: plainMetadata(documents.metadata) }
  }
  if (documents.metadata === undefined && !documents.hasData && !isAll) return undefined
  return { format: 'json', hasSections: true, metadata: plainMetadata(documents.metadata) }
}

function plainMetadata(value: Value | undefined): Header['metadata'] {
  if (!isMap(value)) return {}
  const { provider, exported_at, collections, security } = value
  return {
    provider: typeof provider === 'string' ? provider : undefined,
    exported_at: typeof exported_at === 'string' ? exported_at : undefined,
    collections: isListOfNames(collections) ? collections : undefined,
    security: isMap(security) ? (security as Readonly<Record<string, SecurityObject>>) : undefined
  }
}

/** An empty list says nothing: whoever wrote it may not have known what would come. */
function isListOfNames(value: Value | undefined): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every(each => typeof each === 'string')
}

function firstLineIsDocument(bytes: Buffer): boolean {
  const end = bytes.indexOf(0x0a)
  if (end === -1) return false
  try {
    return isMap(parseJson(bytes.toString('utf8', 0, end)))
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof DocferryError)) throw error
    return false
  }
}
