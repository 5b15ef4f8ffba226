/** What a reader finds of each collection of a file, and whether that is what the file's end, or the manifest, says of it. */
import { DocferryError } from '../errors.ts'
import type { Packed } from '../packed.ts'
import { BucketSums, isOfRoot } from '../values/bucket-sums.ts'
import { DigestSum, documentDigests } from '../values/index.ts'
import type { Document, DocumentDigests } from '../values/index.ts'
import type { Summary } from './document-line.ts'

/** As a cursor has it; the digest null where it can't be told. */
export interface FoundPlace {
  readonly entries: number
  readonly digest: string | null
}

export interface CheckedBy {
  /** Of the file. */
  readonly name: string
  readonly from: 'end' | 'manifest'
}

export class FoundDocuments {
  /** Documents, and what stood where a document should be. */
  #entries: number
  /** Missing where it can't be told: something stood there that is no document, or nobody will ask. */
  #digest: DigestSum | undefined
  /** Missing where nobody will ask, and where the reading went on from a place in the middle: a cursor would be too large with them. */
  readonly #sums: BucketSums | undefined

  /** @param from what a cursor has; undefined to begin with nothing. @param isAsked whether anything will be compared but the number */
  constructor(from: FoundPlace | undefined, isAsked: boolean) {
    this.#entries = from?.entries ?? 0
    if (from) this.#digest = from.digest === null ? undefined : DigestSum.from(from.entries, from.digest)
    else if (isAsked) this.#digest = new DigestSum()
    this.#sums = from || !isAsked ? undefined : new BucketSums()
  }

  /** Whether digests of the documents are wanted. */
  get isDigested(): boolean {
    return this.#digest !== undefined || this.#sums !== undefined
  }

  /** @returns the document's digests, where they were made; one that is nested too deeply has none */
  add(document: Document): DocumentDigests | undefined {
    if (!this.isDigested) {
      this.#entries++
      return undefined
    }
    let digests: DocumentDigests
    try {
      digests = documentDigests(document)
    } catch (error) {
      if (!(error instanceof DocferryError && error.code === 'DOCFERRY_TOO_DEEP')) throw error
      return void this.addReject()
    }
    this.#entries++
    this.#digest?.addDigest(digests.values)
    this.#sums?.add(document._id, digests)
    return digests
  }

  /** @param digests of documents of which nothing was left out */
  addPacked(read: number, { idHashes, digests, kinds }: Pick<Packed, 'idHashes' | 'digests' | 'kinds'>): void {
    this.#entries += read
    this.#digest?.addAll(digests)
    this.#sums?.addAll(idHashes, digests, kinds)
  }

  /** Something stood there that has no digest: mostly no document. */
  addReject(): void {
    this.#entries++
    this.#digest = undefined
  }

  /** What is known of them by buckets: the same bytes stand in the file's end, if it is as it was. */
  get sums(): Buffer | undefined {
    return this.#sums?.bytes()
  }

  place(): FoundPlace {
    return { entries: this.#entries, digest: this.#digest?.hex() ?? null }
  }

  /**
   * @param from what says it: the file's own end, which is there then, or a manifest
   * @returns whether there was anything to compare the documents with but their number
   * @throws {DocferryError} DOCFERRY_FILE_CUT, DOCFERRY_DECODE where the file is not what it says
   */
  check(collection: string, { counts, digest, receipt = {}, root }: Summary, { name, from }: CheckedBy): boolean {
    const expected = ownField(counts, collection) ?? 0
    if (this.#entries !== expected) {
      const message = `${name}: ${JSON.stringify(collection)} should hold ${expected === 1 ? '1 document' : `${expected} documents`} and holds ${this.#entries}`
      const code = this.#entries < expected && from === 'manifest' ? 'DOCFERRY_FILE_CUT' : 'DOCFERRY_DECODE'
      const spoilsRun = code === 'DOCFERRY_DECODE'
      const lost = this.#entries < expected ? 'the file was cut, or lines of it were lost' : 'the file was changed'
      throw new DocferryError(code, `${message}: ${lost} after it was written`, { collection, spoilsRun })
    }
    const changed = (what: string): DocferryError =>
      new DocferryError('DOCFERRY_DECODE', `${name}: ${what}: the file was changed after it was written`, { collection, spoilsRun: true })
    const sums = ownField(receipt, collection)
    if (root && !isOfRoot(sums, ownField(root, collection)))
      throw changed(`the receipt of ${JSON.stringify(collection)} does not agree with its root`)
    const documents = `the documents of ${JSON.stringify(collection)}`
    const wanted = ownField(digest, collection)
    const found = this.#digest?.hex()
    if (wanted !== undefined && found !== undefined && found !== wanted)
      throw changed(`${documents} have the digest ${found} instead of ${wanted}`)
    if (sums !== undefined && this.#sums && !this.#fits(this.#sums, sums)) throw changed(`${documents} are not those of its receipt`)
    return (wanted === undefined && sums === undefined) || found !== undefined || (sums !== undefined && this.#sums !== undefined)
  }

  /** Of numbers, the text does not keep every kind: a decimal is read as what its digits are. */
  #fits(found: BucketSums, sums: string | Buffer): boolean {
    let expected: BucketSums
    try {
      expected = BucketSums.from(typeof sums === 'string' ? Buffer.from(sums, 'base64') : sums)
    } catch (error) {
      if (error instanceof RangeError) return false
      throw error
    }
    const differing = found.differing(expected, { kinds: false })
    // What could not be read is missing from its bucket; the others hold what they should.
    return differing.every(bucket => this.#digest === undefined && found.countOf(bucket) < expected.countOf(bucket))
  }
}

/**
 * What was found of the sections but the one that is read, as a cursor has it. The text only grows, unless a section is gone on with, and is shared by the
 * cursors: with thousands of sections, writing all of them into each took as long as the square of their number.
 */
export class RestingSections {
  readonly #names = new Set<string>()
  #text = ''

  /** @param name of a section that does not rest */
  add(name: string, found: FoundDocuments): void {
    this.#names.add(name)
    this.#text += `${this.#text === '' ? '' : ','}${foundText(name, found)}`
  }

  /** @param found of all sections */
  wake(name: string, found: ReadonlyMap<string, FoundDocuments>): void {
    if (!this.#names.delete(name)) return
    this.#text = [...this.#names].map(each => foundText(each, found.get(each)!)).join(',')
  }

  textWith(name: string, found: FoundDocuments | undefined): string {
    if (!found) return this.#text
    return `${this.#text}${this.#text === '' ? '' : ','}${foundText(name, found)}`
  }
}

function foundText(name: string, found: FoundDocuments): string {
  return `${JSON.stringify(name)}:${JSON.stringify(found.place())}`
}

function ownField<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined
}
