/**
 * Reads what @cloudant/couchbackup writes: lines that each hold an array of documents, the batches that it has fetched.
 *
 * From its version 2.10 on, the first line is a header, `{"name":"@cloudant/couchbackup","version":"2.11.0","mode":"full"}`, and where a
 * backup was resumed a marker stands. No line tells where the backup ends: only its log does.
 *
 * A full backup holds every leaf of a document's tree of revisions, all of them in one batch, and the deleted ones too. What CouchDB itself
 * would give is read: the winning revision, unless it is a deletion. `Winners` tell it of documents that stand in several batches.
 */
import { isUtf8 } from 'node:buffer'
import { SeenIds } from '../engine/seen-ids.ts'
import { DocferryError } from '../errors.ts'
import { isMap, parseJson, stringifyDeep } from '../values/index.ts'
import type { Value } from '../values/index.ts'
import type { Page } from '../types.ts'
import type { Winners } from './couchbackup-winners.ts'
import { isDocument, rawOf, whereIs, whyNoDocument, whyNoJson } from './document-line.ts'
import { isBlank, LineSplitter } from './lines.ts'
import type { Line } from './lines.ts'
import { namelessError } from './nameless.ts'
import { bytesBehind } from './ndjson.ts'
import { PageBuilder } from './page-builder.ts'
import type { Entry, ReadOptions } from './page-builder.ts'
import { losersOf } from './revisions.ts'

export interface CouchbackupOptions extends ReadOptions {
  /** Where `chunks` begins. Default 0: what stands before `after` is passed over. */
  readonly startsAt?: number
  /** Batches that the backup's log says were written. */
  readonly batches?: number | undefined
  /** Of the same bytes. Missing where they can't be read twice: what stands in several batches is counted, and handed on as it comes. */
  readonly winners?: Winners | undefined
  /** Told in the end what was passed over. */
  readonly onPassedOver?: (passed: PassedOver, isPartial: boolean) => void
}

/** What stood in the backup and is no document. */
export interface PassedOver {
  /** Documents that are deleted. */
  readonly deleted: number
  /** Revisions that are not the winning one. */
  readonly conflicts: number
  /** Revisions that another batch has a newer one of, or the winning one. */
  readonly older: number
  /** Documents of a batch that another may have held before; counted without `winners`. */
  readonly repeated: number
  /** Lines that were being written when the backup was broken off, and that stand again behind the place where it was resumed. */
  readonly broken: number
}

/** Place in a file, as JSON. */
interface Place extends PassedOver {
  /** Byte where the next line begins that is not used up, decompressed. */
  readonly offset: number
  readonly line: number
  /** How much of that line was read: elements of its array. */
  readonly elements: number
  readonly batches: number
  /** Lines that the winners were found in. */
  readonly looked: number
}

const start: Place = { offset: 0, line: 1, elements: 0, batches: 0, looked: 0, deleted: 0, conflicts: 0, older: 0, repeated: 0, broken: 0 }

const marker = '{"marker":"@cloudant/couchbackup:resume"}'

/**
 * @param chunks the decompressed bytes
 * @throws {DocferryError} DOCFERRY_FILE_CUT behind the last whole batch of a file that was cut, and what `chunks` throws
 */
export async function* readCouchbackup(chunks: AsyncIterable<Buffer>, options: CouchbackupOptions): AsyncGenerator<Page> {
  const { after, startsAt = 0, name } = options
  const place = after === undefined ? start : (JSON.parse(after) as Place)
  const rest = bytesBehind(chunks, place.offset - startsAt, name)
  const splitter = new LineSplitter({ offset: place.offset, line: place.line })
  const reading = new BackupReading(options, place)
  let ending: unknown
  try {
    for await (const chunk of rest) for (const line of splitter.push(chunk)) yield* reading.take(line)
  } catch (error) {
    ending = error
  }
  const last = ending === undefined ? splitter.end() : undefined
  if (last) {
    try {
      yield* reading.take(last)
    } catch (error) {
      ending = error
    }
  }
  if (!reading.pages.isEmpty) yield reading.flush()
  if (ending !== undefined) throw ending
  reading.finish()
}

class BackupReading {
  readonly pages: PageBuilder
  readonly #options: CouchbackupOptions
  readonly #seen: SeenIds | undefined
  #place: { -readonly [Name in keyof Place]: Place[Name] }

  constructor(options: CouchbackupOptions, place: Place) {
    this.#options = options
    const { name, winners } = options
    if (place !== start && winners?.hasOverruled(place.looked, place.line))
      throw new DocferryError(
        'DOCFERRY_DECODE',
        `${name} is not the file that was begun with: it holds newer revisions of documents that were read of that one`,
        { spoilsRun: true }
      )
    this.#place = { ...place, looked: winners?.lines ?? 0 }
    if (!winners) this.#seen = new SeenIds()
    this.pages = new PageBuilder(options)
    if (options.collection !== null) options.onSection?.(options.collection)
  }

  *take(line: Line): Generator<Page> {
    const bytes = line.end - line.offset
    const found = isBlank(line.bytes) ? [] : this.#entriesOf(line)
    const place = this.#place
    if (found.length === 0) this.pages.addBytes(bytes)
    const share = Math.floor(bytes / Math.max(1, found.length))
    for (; place.elements < found.length; place.elements++) {
      if (this.pages.isFull) yield this.flush()
      const entry = found[place.elements]
      if (typeof entry === 'string') place[entry]++
      else if (entry) this.pages.add(entry, share)
    }
    place.elements = 0
    place.offset = line.end
    place.line = line.number + 1
    if (this.pages.isFull) yield this.flush()
  }

  flush(): Page {
    return this.pages.take(this.#collection(), JSON.stringify(this.#place))
  }

  /** The input ended. @throws {DocferryError} DOCFERRY_FILE_CUT where the log says that there should be more */
  finish(): void {
    const { name, batches: expected, winners, onPassedOver } = this.#options
    const { batches } = this.#place
    if (expected !== undefined && batches < expected)
      throw new DocferryError(
        'DOCFERRY_FILE_CUT',
        `${name} should hold ${expected} batches, by its log, and holds ${batches}: it was cut. Copy it again`
      )
    onPassedOver?.(this.#place, winners?.isPartial ?? false)
  }

  #collection(): string {
    const { collection, name } = this.#options
    if (collection !== null) return collection
    throw namelessError(name)
  }

  #entriesOf(line: Line): (Entry | PassedOverEntry)[] {
    const reject = (message: string): Entry[] => [
      { reject: { code: 'DOCFERRY_BAD_DOCUMENT', message, where: whereIs(line), ...rawOf(line) } }
    ]
    if (line.tooLong) return reject('the line is longer than docferry reads, 256 MB: back up in smaller batches (--buffer-size)')
    if (!isUtf8(line.bytes)) return reject('not valid UTF-8')
    const text = line.bytes.toString()
    let value: Value
    try {
      value = parseJson(text)
    } catch (error) {
      if (error instanceof DocferryError) return reject(error.message)
      if (!(error instanceof SyntaxError)) throw error
      // What was being written when the backup was broken off; its batch is fetched again.
      if (text.trimEnd().endsWith(marker)) return ['broken']
      if (!line.complete) throw this.#cutError(line)
      if (whyNoJson(error) !== 'not valid JSON') return reject(whyNoJson(error))
      return reject(
        'not valid JSON: damaged, or what was being written when an older couchbackup was broken off, and stands again further on'
      )
    }
    if (Array.isArray(value)) return this.#batch(value, line)
    if (isMap(value) && (isHeader(value) || value['marker'] === '@cloudant/couchbackup:resume')) return []
    return reject('no array of documents, as couchbackup writes them')
  }

  #batch(elements: readonly Value[], line: Line): (Entry | PassedOverEntry)[] {
    // Of a line that is read again behind a place in its middle, the beginning was counted.
    if (this.#place.elements === 0) {
      this.#place.batches++
      this.#countRepeated(elements)
    }
    const losers = losersOf(elements)
    return elements.map((element, index) => {
      const winner = isMap(element) && typeof element['_id'] === 'string' ? this.#options.winners?.of(element['_id']) : undefined
      if (winner && isMap(element) && typeof element['_rev'] === 'string') {
        if (winner.line !== line.number || winner.element !== index)
          return element['_deleted'] === true || element['_rev'] === winner.rev ? undefined : 'older'
      }
      const loser = winner ? undefined : losers.get(index)
      if (loser !== undefined) return loser === 'conflict' ? 'conflicts' : undefined
      if (isMap(element) && element['_deleted'] === true) return 'deleted'
      if (isDocument(element)) return { document: element }
      const where = `${whereIs(line)}, element ${index + 1}`
      return { reject: { code: 'DOCFERRY_BAD_DOCUMENT', message: whyNoDocument(element), where, raw: stringifyDeep(element) } }
    })
  }

  #countRepeated(elements: readonly Value[]): void {
    if (!this.#seen || this.#seen.isFull) return
    const ids = new Set<string>()
    for (const element of elements) if (isMap(element) && typeof element['_id'] === 'string') ids.add(element['_id'])
    for (const id of ids) if (this.#seen.add(id)) this.#place.repeated++
  }

  #cutError(line: Line): DocferryError {
    const where = whereIs(line)
    const message = `${this.#options.name} ends in the middle of ${where}: it was cut, or its backup broken off. Copy it again, or resume the backup`
    return new DocferryError('DOCFERRY_FILE_CUT', message, { where })
  }
}

/** What is counted, or passed over in silence. */
type PassedOverEntry = Exclude<keyof PassedOver, 'repeated'> | undefined

function isHeader(value: Readonly<Record<string, Value>>): boolean {
  return typeof value['name'] === 'string' && typeof value['version'] === 'string' && typeof value['mode'] === 'string'
}

/**
 * Whether an input is a backup by couchbackup.
 *
 * @param bytes of its beginning, without byte order mark; @param isAll whether no more can be had
 * @returns undefined where more has to be read to tell
 */
export function isCouchbackup(bytes: Buffer, isAll: boolean): boolean | undefined {
  const from = firstOf(bytes)
  const head = bytes.toString('utf8', from, from + 64)
  if (/^\{\s*"name"\s*:\s*"@cloudant\/couchbackup"/.test(head)) return true
  if (!isAll && (head === '' || head === '[')) return undefined
  // Compact, as JSON.stringify writes: a file that is one JSON array over several lines is told at once.
  if (!/^\[[{\]]/.test(head)) return false
  const end = bytes.indexOf(0x0a, from)
  const hasRevisions = (): boolean => bytes.includes('"_revisions":{')
  if (end === -1) return isAll ? hasRevisions() : undefined
  const next = firstOf(bytes, end + 1)
  if (next === bytes.length) return isAll ? hasRevisions() : undefined
  if (bytes[next] === 0x5b) return true
  const follows = bytes.toString('utf8', next, next + marker.length)
  return follows !== marker && !isAll && marker.startsWith(follows) ? undefined : follows === marker
}

/** Where white space ends. */
function firstOf(bytes: Buffer, from = 0): number {
  let at = from
  while (at < bytes.length && bytes[at]! <= 0x20) at++
  return at
}
