/** The dead letters that a retry leaves: written beside the file, which they replace when the retry is through. */
import { rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder } from '../engine/atomic-file.ts'
import type { DeadLetter } from '../engine/dead-letter.ts'
import { DocferryError, describeError } from '../errors.ts'
import { parseJson } from '../values/index.ts'
import type { Document } from '../types.ts'
import { DeadLetters, textOf } from './dead-letters.ts'
import type { LetterOrigin } from './letter-source.ts'
import type { LetterKeeper } from './retry-journal.ts'

export class RemainingLetters implements LetterKeeper {
  /** Where they will stand. */
  readonly path: string
  /** Letters so far. */
  count = 0
  readonly #partial: string
  readonly #origins: WeakMap<Document, LetterOrigin>
  readonly #file: DeadLetters

  private constructor(path: string, origins: WeakMap<Document, LetterOrigin>) {
    this.path = path
    this.#partial = `${path}.retry`
    this.#origins = origins
    this.#file = new DeadLetters(this.#partial)
  }

  /** Begin anew: what a retry left whose process died goes. @throws {DocferryError} DOCFERRY_STATE */
  static async begin(path: string, origins: WeakMap<Document, LetterOrigin>): Promise<RemainingLetters> {
    const letters = new RemainingLetters(path, origins)
    await letters.discard()
    return letters
  }

  /**
   * Keep the letter that a document comes from, with what is wrong now. Its document stays as it was before the stages of the retry: other
   * stages may be tried next time.
   */
  async add({ at, document, code, message, cause, where }: DeadLetter): Promise<void> {
    // Kept when it was read.
    if (at === 'read') return
    const origin = document && this.#origins.get(document)
    if (!origin)
      throw new DocferryError('DOCFERRY_BUG', 'a document that failed again comes from no dead letter; the dead letters stay as they were')
    if (origin.kept) return
    origin.kept = true
    const letter = parseJson(origin.text) as unknown as DeadLetter
    await this.addLine(textOf({ ...letter, code, message, cause, where }))
  }

  /** Keep a letter as it is. */
  async addLine(text: string): Promise<void> {
    await this.#file.addLine(text)
    this.count++
  }

  sync(): Promise<void> {
    return this.#file.sync()
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  /** Path of what is left; undefined where nothing is. */
  get partial(): string | undefined {
    return this.count > 0 ? this.#partial : undefined
  }

  /** Take the place of the letters before. Called when closed. @throws {DocferryError} DOCFERRY_STATE: they are then as they were */
  readonly replace = async (): Promise<void> => {
    try {
      if (this.partial === undefined) await rm(this.path, { force: true })
      else await rename(this.partial, this.path)
      await syncFolder(dirname(this.path))
    } catch (error) {
      throw new DocferryError('DOCFERRY_STATE', `the dead letters in ${this.path} can't be replaced: ${describeError(error)}`, {
        cause: error
      })
    }
  }

  /** Leave the letters as they were. */
  async discard(): Promise<void> {
    try {
      await rm(this.#partial, { force: true })
    } catch (error) {
      throw new DocferryError('DOCFERRY_STATE', `${this.#partial} can't be removed: ${describeError(error)}`, { cause: error })
    }
  }
}
