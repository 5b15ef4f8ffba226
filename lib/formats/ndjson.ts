/**
 * Reads NDJSON, plain or in sections.
 *
 * A file whose first line is `{"$docferry":1,"metadata":{...}}` is an export: `{"$collection":"agents"}` opens a section, and the last line
 * `{"$end":{"counts":{...},"digest":{...},"receipt":{...}}}` proves that it is whole. Only in such a file are control lines known; any other file is plain,
 * and each of its lines is a document or a reject.
 */
import { DocferryError } from '../errors.ts'
import type { Page } from '../types.ts'
import { isOfExport, mayBeControl, parseLine, whereIs } from './document-line.ts'
import type { ControlLine, Summary } from './document-line.ts'
import { FoundDocuments, RestingSections } from './found-documents.ts'
import type { CheckedBy, FoundPlace } from './found-documents.ts'
import { isBlank, LineSplitter } from './lines.ts'
import type { Line, LineReading } from './lines.ts'
import { namelessError } from './nameless.ts'
import { TrailerLine } from './trailer-line.ts'
import { canPack } from '../kernel/kernel.ts'
import { packedPieces, piecesOfPacker, plainPieces, workedPieces } from './packing-lines.ts'
import type { PackedRun, Pieces } from './packing-lines.ts'
import type { BlockPlace, Packing } from '../packed.ts'
import { isForgotten, isWanted, PageBuilder } from './page-builder.ts'
import type { Entry, ReadOptions } from './page-builder.ts'

/** The version of the format that this code writes, and the newest that it reads. */
export const formatVersion = 1

export interface NdjsonOptions extends ReadOptions {
  /** Where `chunks` begins. Default 0: what stands before `after` is passed over. */
  readonly startsAt?: number
  /** How a line that is not blank is read, in a file without control lines. Default: as a document. */
  readonly entryOf?: ((line: Line) => Entry) | undefined
  /** Told of a collection whose documents could be compared with what the file, or the manifest, says of them by their number alone. */
  readonly onUnchecked?: (collection: string) => void
  /** Told at the end of a plain input that held nothing, where no manifest says that it is to hold nothing. */
  readonly onEmpty?: () => void
  /** What a plain file must hold, where a manifest states it. */
  readonly expected?: { readonly documents: number; readonly digest?: string; readonly receipt?: string; readonly root?: string }
}

/** Place in a file, as JSON: all that is needed to go on behind it. */
interface Place {
  /** Byte where the next line begins, decompressed. */
  readonly offset: number
  readonly line: number
  readonly headered: boolean
  readonly section: string | null
  /** Per collection, what was found so far. */
  readonly found: Readonly<Record<string, FoundPlace>>
}

/** Where in the (decompressed) file a cursor points: a plain file can be opened there. */
export function offsetOf(cursor: string): number {
  return (JSON.parse(cursor) as Place).offset
}

/**
 * @param chunks the decompressed bytes
 * @throws {DocferryError} DOCFERRY_FILE_CUT behind the last whole document of a file that was cut, DOCFERRY_DECODE, and what `chunks` throws
 */
export async function* readNdjson(chunks: AsyncIterable<Buffer>, options: NdjsonOptions): AsyncGenerator<Page> {
  const { after, startsAt = 0 } = options
  const place = after === undefined ? undefined : (JSON.parse(after) as Place)
  const rest = bytesBehind(chunks, (place?.offset ?? 0) - startsAt, options.name)
  const reading = new NdjsonReading(options, place)
  const readerOf = (beginning: Buffer): LineReading | undefined => reading.readerOf(beginning)
  const splitter = new LineSplitter({ offset: place?.offset ?? 0, line: place?.line ?? 1, readerOf })
  let ending: unknown
  try {
    for await (const pieces of piecesOf(rest, splitter, options, reading)) {
      for (const piece of pieces) {
        if ('packed' in piece) yield* reading.takePacked(piece, splitter)
        else yield* reading.take(piece)
        if (reading.pages.isFull) yield reading.flush()
      }
    }
  } catch (error) {
    ending = error
  }
  // What was read before the input failed is yielded first; the line that it failed in is not judged.
  if (!reading.pages.isEmpty) yield reading.flush()
  if (ending !== undefined) throw ending
  reading.finish()
}

/** Whether `readNdjson` is done with each chunk when it asks for the next, or gives it back to the packer. */
export function takesLentChunks(packing: Packing | undefined): packing is Packing {
  return packing !== undefined && canPack()
}

function piecesOf(
  chunks: AsyncIterable<Buffer>,
  splitter: LineSplitter,
  { packing, entryOf }: NdjsonOptions,
  reading: NdjsonReading
): AsyncIterable<Pieces> {
  if (!packing || entryOf || !canPack()) return plainPieces(chunks, splitter)
  const { packer, worker } = packing
  if (packer) return piecesOfPacker(chunks, splitter, packer)
  return worker ? workedPieces(chunks, splitter, { worker, placeOf: () => reading.place() }) : packedPieces(chunks, splitter, packing)
}

class NdjsonReading {
  readonly pages: PageBuilder
  readonly #options: NdjsonOptions
  readonly #found = new Map<string, FoundDocuments>()
  readonly #resting = new RestingSections()
  readonly #forgotten = new Set<string>()
  #headered: boolean
  #section: string | null
  #ended: Summary | undefined
  #offset: number
  #line: number
  #place: BlockPlace | undefined

  constructor(options: NdjsonOptions, place: Place | undefined) {
    this.#options = options
    this.pages = new PageBuilder(options)
    this.#headered = place?.headered ?? false
    this.#section = place ? place.section : options.collection
    this.#offset = place?.offset ?? 0
    this.#line = place?.line ?? 1
    for (const [name, found] of Object.entries(place?.found ?? {})) {
      this.#found.set(name, new FoundDocuments(found, this.#isAsked()))
      if (name !== this.#section) this.#resting.add(name, this.#found.get(name)!)
    }
    if (!this.#headered && this.#section !== null) options.onSection?.(this.#section)
  }

  /** Gives a page of the section that ends here. */
  *take(line: Line): Generator<Page, void, undefined> {
    // A section ends in front of the line that opens the next one: behind that line its cursor would name the wrong section.
    const page = this.#handle(line)
    this.#offset = line.end
    this.#line = line.number + 1
    if (page) yield page
  }

  /** Where the documents are that come next; undefined where nobody wants them. */
  place(): BlockPlace | undefined {
    const collection = this.#section
    if (this.#ended || collection === null || !this.#isWantedNow()) return undefined
    const digests = this.#foundOf(collection).isDigested
    if (this.#place?.collection !== collection || this.#place.digests !== digests) this.#place = { collection, digests }
    return this.#place
  }

  *takePacked({ packed, raw, came = packed }: PackedRun, splitter: LineSplitter): Generator<Page, void, undefined> {
    const isWanted = this.#isWantedNow()
    const bytes = raw.reduce((sum, part) => sum + part.length, 0)
    // An export's own digests are of whole documents.
    const isWhole = packed.dropped.every(count => count === 0)
    if (this.#ended || this.#section === null || (isWanted && !isWhole && this.#foundOf(this.#section).isDigested)) {
      for (const part of raw) for (const line of splitter.push(part)) yield* this.take(line)
      packed.discard()
      return
    }
    if (isWanted) {
      if (!this.pages.takesPacked) yield this.flush()
      this.#foundOf(this.#section).addPacked(packed.read, came)
      this.pages.addPacked(packed, bytes)
    } else {
      this.pages.addBytes(bytes)
      packed.discard()
    }
    const { number, end } = splitter.skip(packed.read, bytes)
    this.#offset = end
    this.#line = number
  }

  /** Of a line that comes in several parts. */
  readerOf(beginning: Buffer): LineReading | undefined {
    if (!this.#headered || !TrailerLine.mayBegin(beginning)) return undefined
    return new TrailerLine({ sumsOf: collection => this.#found.get(collection)?.sums })
  }

  #handle(line: Line): Page | undefined {
    const bytes = line.end - line.offset
    if (line.reading instanceof TrailerLine) return this.#handleControl({ end: line.reading.summary() }, line)
    const skipping = !this.#isWantedNow() && !mayBeControl(line.bytes)
    if (skipping || isBlank(line.bytes)) return void this.pages.addBytes(bytes)
    const { entryOf, expected } = this.#options
    const found = entryOf ? entryOf(line) : parseLine(line, this.#headered ? 'all' : line.number === 1 ? 'header' : 'none')
    // An export ends its lines: going on, with the whole file, begins with this one.
    if ('reject' in found && !line.complete && (this.#headered || expected)) throw this.#cutError()
    if ('reject' in found && !this.#headered && !entryOf && isOfExport(line)) {
      const what = 'this line is of an export by docferry, whose first line, {"$docferry":1,...}, is missing or broken'
      throw this.#decodeError(line, `${what}: without it, documents of all its collections would be taken for those of one. Copy it again`)
    }
    if (!('document' in found || 'reject' in found)) return this.#handleControl(found, line)
    if (this.#ended) throw this.#decodeError(line, 'something follows the line {"$end":...}, which is the last of an export')
    if (!this.#isWantedNow()) return void this.pages.addBytes(bytes)
    const collection = this.#collection(line)
    if ('document' in found) this.pages.add(found, bytes, this.#foundOf(collection).add(found.document))
    else {
      this.#foundOf(collection).addReject()
      this.pages.add(found, bytes)
    }
    return undefined
  }

  flush(): Page {
    const section = this.#section as string
    const place: Omit<Place, 'found'> = { offset: this.#offset, line: this.#line, headered: this.#headered, section }
    return this.pages.take(
      section,
      `${JSON.stringify(place).slice(0, -1)},"found":{${this.#resting.textWith(section, this.#found.get(section))}}}`
    )
  }

  /** The input ended. @throws {DocferryError} where it should not have ended, or holds something else than it says */
  finish(): void {
    const { name, expected, onEmpty } = this.#options
    if (this.#headered && !this.#ended) throw this.#cutError()
    if (!this.#headered && !expected && this.#found.size === 0 && this.#isWantedNow()) onEmpty?.()
    if (this.#ended) this.#check(this.#ended, 'end')
    else if (expected && this.#section !== null) {
      const { documents, digest, receipt, root } = expected
      const summary = {
        counts: { [this.#section]: documents },
        digest: digest === undefined ? {} : { [this.#section]: digest },
        ...(receipt !== undefined && { receipt: { [this.#section]: receipt } }),
        ...(root !== undefined && { root: { [this.#section]: root } })
      }
      this.#check(summary, 'manifest')
    }
    if (this.#forgotten.size > 0) {
      const names = [...this.#forgotten].map(each => JSON.stringify(each)).join(', ')
      throw new DocferryError(
        'DOCFERRY_DECODE',
        `${name} also holds ${names}, which its header does not list: add what it holds to "collections" there`,
        { spoilsRun: true }
      )
    }
  }

  /** Gives a page of what stands in front of it. */
  #handleControl(control: ControlLine, line: Line): Page | undefined {
    const page = this.pages.isEmpty ? undefined : this.flush()
    this.pages.addBytes(line.end - line.offset)
    this.#control(control, line)
    return page
  }

  #control(control: ControlLine, line: Line): void {
    if ('header' in control) {
      if (line.number !== 1) throw this.#decodeError(line, 'a second header begins here: take exports apart that were put together')
      if (typeof control.version !== 'number' || control.version > formatVersion) {
        throw this.#decodeError(
          line,
          `the file has version ${String(control.version)} of the format, this docferry reads ${formatVersion}: update docferry`
        )
      }
      this.#headered = true
    } else if (this.#ended) {
      throw this.#decodeError(line, 'something follows the line {"$end":...}, which is the last of an export')
    } else if ('section' in control) {
      const found = this.#section === null ? undefined : this.#found.get(this.#section)
      if (found) this.#resting.add(this.#section!, found)
      this.#resting.wake(control.section, this.#found)
      this.#section = control.section
      this.#options.onSection?.(control.section)
      if (isForgotten(this.#options, control.section)) this.#forgotten.add(control.section)
    } else {
      this.#ended = control.end
    }
  }

  #isWantedNow(): boolean {
    if (this.#section === null) return true
    // Documents of a plain file are wanted under whatever name was asked for.
    return isWanted(this.#options.wanted, this.#section)
  }

  #collection(line: Line): string {
    if (this.#section !== null) return this.#section
    throw namelessError(`${this.#options.name}, ${whereIs(line)}`)
  }

  #foundOf(collection: string): FoundDocuments {
    let found = this.#found.get(collection)
    if (!found) {
      found = new FoundDocuments(undefined, this.#isAsked())
      this.#found.set(collection, found)
    }
    return found
  }

  /** Whether anything says of the documents more than how many they are. */
  #isAsked(): boolean {
    return this.#headered || this.#options.expected?.digest !== undefined
  }

  #check(summary: Summary, from: CheckedBy['from']): void {
    const { name, wanted, onUnchecked } = this.#options
    for (const collection of new Set([...Object.keys(summary.counts), ...this.#found.keys()])) {
      if (!isWanted(wanted, collection)) continue
      const found = this.#found.get(collection) ?? new FoundDocuments(undefined, true)
      if (!found.check(collection, summary, { name, from })) onUnchecked?.(collection)
    }
  }

  #cutError(): DocferryError {
    const where = `line ${this.#line - 1}, byte ${this.#offset}`
    const without = this.#headered ? 'without the line {"$end":...}' : 'in the middle of a line'
    const message = `${this.#options.name} ends at ${where} ${without}: it was cut. Copy or export it again`
    return new DocferryError('DOCFERRY_FILE_CUT', message, { where })
  }

  #decodeError(line: Line, what: string): DocferryError {
    return new DocferryError('DOCFERRY_DECODE', `${this.#options.name}, ${whereIs(line)}: ${what}`, {
      where: whereIs(line),
      spoilsRun: true
    })
  }
}

/** @throws {DocferryError} DOCFERRY_FILE_CUT where there are not so many bytes to pass over, and what `chunks` throws */
export async function* bytesBehind(chunks: AsyncIterable<Buffer>, skipped: number, name: string): AsyncGenerator<Buffer, void, undefined> {
  let toSkip = skipped
  for await (const chunk of chunks) {
    if (toSkip < chunk.length) yield toSkip > 0 ? chunk.subarray(toSkip) : chunk
    toSkip = Math.max(0, toSkip - chunk.length)
  }
  if (toSkip > 0) throw shorterThanBefore(name)
}

export function shorterThanBefore(name: string): DocferryError {
  return new DocferryError('DOCFERRY_FILE_CUT', `${name} is shorter than when reading it began: it was cut or replaced. Start anew`)
}
