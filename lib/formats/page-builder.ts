/** Gathers what a file holds into pages bounded by number and by bytes. */
import type { Packed, Packing } from '../packed.ts'
import type { Cursor, Document, Page, RejectDetails } from '../types.ts'
import type { DocumentDigests } from '../values/index.ts'

/** How every format is read. */
export interface ReadOptions {
  /** Of the input, for messages. */
  readonly name: string
  /** Names the documents that stand outside any section; `null` where nobody said. */
  readonly collection: string | null
  /** Collections to yield; `null` for all. The others are passed over cheaply. */
  readonly wanted: readonly string[] | null
  /** Collections that the file's head says it holds, where it does. */
  readonly listed?: readonly string[]
  readonly after?: Cursor
  /** Most documents of a page, but for packed ones. Default 500. */
  readonly pageSize?: number
  /** A page that holds so many bytes is not added to. Default 1 MB. */
  readonly pageBytes?: number
  /** Give documents packed, where that can be. */
  readonly packing?: Packing | undefined
  /** Told of every section of the file, wanted or not. */
  readonly onSection?: (collection: string) => void
}

/** What stands where a document should be. */
export type Entry = { readonly document: Document } | { readonly reject: RejectDetails }

export class PageBuilder {
  readonly #pageSize: number
  readonly #mostPacked: number
  readonly #pageBytes: number
  #documents: Document[] = []
  /** Missing where there are none. */
  #digests: (DocumentDigests | undefined)[] | undefined
  #rejects: RejectDetails[] = []
  #packed: Packed[] = []
  /** Documents and rejects. */
  #unpacked = 0
  #packedCount = 0
  #bytes = 0

  constructor({ pageSize = 500, pageBytes = 1 << 20, packing }: Pick<ReadOptions, 'pageSize' | 'pageBytes' | 'packing'>) {
    this.#pageSize = pageSize
    this.#mostPacked = packing?.most ?? Infinity
    this.#pageBytes = pageBytes
  }

  get isEmpty(): boolean {
    return this.#unpacked === 0 && this.#packed.length === 0
  }

  get isFull(): boolean {
    return this.#unpacked >= this.#pageSize || this.#packedCount >= this.#mostPacked || (this.#bytes >= this.#pageBytes && !this.isEmpty)
  }

  /** @param digests of the document, where they are known */
  add(entry: Entry, bytes: number, digests?: DocumentDigests): void {
    if ('document' in entry) {
      if (digests) (this.#digests ??= [])[this.#documents.length] = digests
      this.#documents.push(entry.document)
    } else this.#rejects.push(entry.reject)
    this.#unpacked++
    this.#bytes += bytes
  }

  /** Whether packed documents may follow: they stand in front of a page's others. */
  get takesPacked(): boolean {
    return this.#unpacked === 0
  }

  addPacked(packed: Packed, bytes: number): void {
    this.#packed.push(packed)
    this.#packedCount += packed.read
    this.#bytes += bytes
  }

  /** Bytes that were read and hold no wanted document. */
  addBytes(bytes: number): void {
    this.#bytes += bytes
  }

  take(collection: string, cursor: Cursor): Page {
    const digests = this.#digests && { digests: this.#digests }
    const packed = this.#packed.length > 0 && { packed: this.#packed }
    const page = { collection, ...packed, documents: this.#documents, ...digests, rejects: this.#rejects, cursor, bytes: this.#bytes }
    this.#documents = []
    this.#digests = undefined
    this.#rejects = []
    this.#packed = []
    this.#unpacked = 0
    this.#packedCount = 0
    this.#bytes = 0
    return page
  }
}

/** Whether a collection is to be yielded. */
export function isWanted(wanted: readonly string[] | null, collection: string): boolean {
  return wanted === null || wanted.includes(collection)
}

/**
 * Whether passing over a section would lose it unseen: the file's head does not list it, and all that the head lists was asked for.
 */
export function isForgotten({ wanted, listed }: Pick<ReadOptions, 'wanted' | 'listed'>, collection: string): boolean {
  return (
    wanted !== null &&
    wanted.length > 0 &&
    listed !== undefined &&
    !isWanted(wanted, collection) &&
    listed.every(name => wanted.includes(name))
  )
}
