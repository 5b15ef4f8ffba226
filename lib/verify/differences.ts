/** All differences, one a line, on disk; the first of each collection in the report. */
import { once } from 'node:events'
import { createAtomicFile, exists } from '../engine/atomic-file.ts'
import type { AtomicFile } from '../engine/atomic-file.ts'
import { DocferryError, describeError } from '../errors.ts'
import { exampleOf, mostExamples } from './report.ts'
import type { Difference, VerifyCollection, VerifyReport } from './report.ts'

/** Bytes that may wait for the disk before whoever finds differences is told to wait. */
const mostWaiting = 4 << 20

/** The file gets its name when the list is whole, and is there only if something is in it, or it was asked for. */
export class DifferenceList {
  readonly #path: string
  readonly #report: VerifyReport
  readonly #collections: ReadonlyMap<string, VerifyCollection>
  readonly #isAsked: boolean
  readonly #makeFolder: () => Promise<void>
  #file: Promise<AtomicFile> | undefined
  #opened: AtomicFile | undefined
  /** Lines that came before the file was open. */
  #early = ''
  #count = 0
  #failure: unknown

  /**
   * @param options `isAsked`: whether the file is wanted, in a folder that is there, also where nothing differs; `makeFolder` makes the one for a
   * file that was not asked for
   */
  constructor(
    path: string,
    report: VerifyReport,
    { isAsked, makeFolder }: { readonly isAsked: boolean; readonly makeFolder: () => Promise<void> }
  ) {
    this.#path = path
    this.#report = report
    this.#collections = new Map(report.collections.map(collection => [collection.target, collection]))
    this.#isAsked = isAsked
    this.#makeFolder = makeFolder
  }

  /** Refuse early what can't be written. @throws {DocferryError} DOCFERRY_CONFIG */
  async begin(): Promise<void> {
    if (!this.#isAsked) return
    if (await exists(this.#path))
      throw new DocferryError('DOCFERRY_CONFIG', `${this.#path} exists already: give --differences another name`)
    await this.#open()
  }

  /** Count one, and keep it. */
  add(difference: Difference): void {
    const collection = this.#collections.get(difference.collection)
    const { kind } = difference
    if (collection) {
      if (kind !== 'suspect') collection[kind]++
      if (collection.examples.length < mostExamples) collection.examples.push(exampleOf(difference))
    }
    this.write(difference)
  }

  /** Keep one that is counted elsewhere. */
  write(line: object): void {
    if (this.#failure !== undefined) throw this.#error(this.#failure)
    this.#count++
    const text = `${JSON.stringify(line)}\n`
    if (this.#opened) this.#opened.stream.write(text)
    else {
      this.#early += text
      void this.#open()
    }
  }

  /** Resolves when more may come. */
  async drained(): Promise<void> {
    const file = await this.#file?.catch(() => undefined)
    while (file && file.stream.writableLength > mostWaiting && this.#failure === undefined)
      await Promise.race([once(file.stream, 'drain'), once(file.stream, 'close')])
    if (this.#failure !== undefined) throw this.#error(this.#failure)
  }

  async commit(): Promise<void> {
    const file = await this.#file
    try {
      if (this.#failure !== undefined) throw this.#failure
      if (!file) return
      file.stream.end()
      if (!file.stream.closed) await once(file.stream, 'close')
      if (this.#failure !== undefined) throw this.#failure
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
    if (this.#early !== '') file.stream.write(this.#early)
    this.#early = ''
    this.#opened = file
    return file
  }

  #error(cause: unknown): DocferryError {
    if (cause instanceof DocferryError) return cause
    return new DocferryError(
      this.#isAsked ? 'DOCFERRY_CONFIG' : 'DOCFERRY_STATE',
      `the list of differences ${this.#path} can't be written: ${describeError(cause)}`,
      { cause }
    )
  }
}
