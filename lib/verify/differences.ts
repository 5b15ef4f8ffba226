/** All differences, one a line, in a file and in one definite order; the first of each collection in the report. */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createAtomicFile, exists, sideFileError } from '../engine/atomic-file.ts'
import type { AtomicFile } from '../engine/atomic-file.ts'
import { DocferryError, describeError } from '../errors.ts'
import { exampleOf, mostExamples } from './report.ts'
import type { Difference, VerifyCollection, VerifyReport } from './report.ts'
import { compareText, SortedLines } from './sorted-lines.ts'

/** A collection that is missing as a whole is one line, with the number of its documents. */
type Listed = Difference & { readonly documents?: number }

/** `line 9, byte 70` comes before `line 10, byte 80`. */
const byNumbers = new Intl.Collator('en', { numeric: true })

export interface ListOptions {
  /** Whether the file is wanted, in a folder that is there, also where nothing differs. */
  readonly isAsked: boolean
  /** Makes the folder of a file that was not asked for. */
  readonly makeFolder: () => Promise<void>
  /** Makes a folder for what does not fit into memory; whoever gave it removes it. */
  readonly makeSpool: () => Promise<string>
}

/**
 * Sorted by collection, as the report has them, and by id. The file gets its name when the list is whole, and is there only if something is in
 * it, or it was asked for.
 */
export class DifferenceList {
  readonly #path: string
  readonly #report: VerifyReport
  readonly #collections: ReadonlyMap<string, VerifyCollection>
  readonly #isAsked: boolean
  readonly #makeFolder: () => Promise<void>
  readonly #lines: SortedLines<Listed>
  #file: Promise<AtomicFile> | undefined
  #count = 0
  #failure: unknown

  constructor(path: string, report: VerifyReport, { isAsked, makeFolder, makeSpool }: ListOptions) {
    this.#path = path
    this.#report = report
    this.#collections = new Map(report.collections.map(collection => [collection.target, collection]))
    this.#isAsked = isAsked
    this.#makeFolder = makeFolder
    const ranks = new Map(report.collections.map(({ target }, rank) => [target, rank]))
    const compare = (a: Listed, b: Listed): number => ranks.get(a.collection)! - ranks.get(b.collection)! || compareDifferences(a, b)
    this.#lines = new SortedLines({ compare, makeFolder: makeSpool })
  }

  /** Refuse early what can't be written. @throws {DocferryError} DOCFERRY_CONFIG */
  async begin(): Promise<void> {
    if (!this.#isAsked) return
    if (this.#path === '' || this.#path === '-') throw new DocferryError('DOCFERRY_USAGE', '--differences: the name of a file is wanted')
    if (await this.#isTaken()) throw new DocferryError('DOCFERRY_CONFIG', `${this.#path} exists already: give --differences another name`)
    await this.#open()
  }

  async #isTaken(): Promise<boolean> {
    try {
      return await exists(this.#path)
    } catch (error) {
      throw this.#error(error)
    }
  }

  /** Count one, and keep it. */
  add(difference: Difference): void {
    const collection = this.#collections.get(difference.collection)
    const { kind } = difference
    if (collection) {
      if (kind !== 'suspect') collection[kind]++
      addExample(collection.examples, exampleOf(difference))
    }
    this.write(difference)
  }

  /** Keep one that is counted elsewhere. */
  write(line: Listed): void {
    if (this.#failure !== undefined) throw this.#error(this.#failure)
    this.#count++
    this.#lines.add(line)
    // What can't be written shows now, and not when all is done.
    if (this.#file === undefined) void this.#open()
  }

  /** Resolves when more may come. */
  async drained(): Promise<void> {
    if (this.#failure !== undefined) throw this.#error(this.#failure)
    try {
      await this.#lines.drained()
    } catch (error) {
      throw this.#error(error)
    }
  }

  async commit(): Promise<void> {
    const file = await this.#file
    try {
      if (this.#failure !== undefined) throw this.#failure
      if (!file) return
      await pipeline(Readable.from(this.#lines.texts()), file.stream)
      await file.commit()
      if (this.#count > 0) this.#report.differences = this.#path
    } catch (error) {
      throw this.#error(error)
    }
  }

  async discard(): Promise<void> {
    await (await this.#file?.catch(() => undefined))?.discard()
  }

  async #open(): Promise<AtomicFile | undefined> {
    try {
      this.#file ??= this.#create()
      return await this.#file
    } catch (error) {
      this.#failure ??= error
      this.#file = undefined
      if (this.#isAsked) throw this.#error(error)
      return undefined
    }
  }

  async #create(): Promise<AtomicFile> {
    if (!this.#isAsked) await this.#makeFolder()
    const file = await createAtomicFile(this.#path, { mode: 0o600 })
    file.stream.on('error', error => (this.#failure ??= error))
    return file
  }

  #error(cause: unknown): DocferryError {
    if (cause instanceof DocferryError) return cause
    const what = `the list of differences ${this.#path} can't be written`
    if (this.#isAsked) return sideFileError(what, cause)
    return new DocferryError('DOCFERRY_STATE', `${what}: ${describeError(cause)}`, { cause })
  }
}

function compareDifferences(a: Difference, b: Difference): number {
  return compareText(a.id ?? '', b.id ?? '') || compareText(a.kind, b.kind) || byNumbers.compare(a.where ?? '', b.where ?? '')
}

/** Those that come first in the list. */
function addExample(examples: Difference[], example: Difference): void {
  const place = examples.findIndex(other => compareDifferences(example, other) < 0)
  if (place === -1 && examples.length >= mostExamples) return
  examples.splice(place === -1 ? examples.length : place, 0, example)
  if (examples.length > mostExamples) examples.pop()
}
