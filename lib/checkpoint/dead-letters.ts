/** The file that keeps what could not be written. */
import { mkdir, open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { DeadLetter } from '../engine/batch-writer.ts'
import { DocferryError, describeError } from '../errors.ts'
import { stringifyJson } from '../values/index.ts'
import type { Value } from '../values/index.ts'

/**
 * NDJSON, one dead letter a line, with its document: readable by its owner only. Folder and file come to be with the first letter.
 */
export class DeadLetters {
  readonly path: string
  #file: Promise<FileHandle> | undefined
  #last: Promise<unknown> = Promise.resolve()

  constructor(path: string) {
    this.path = path
  }

  /** @throws {DocferryError} DOCFERRY_STATE: a run that cannot keep its dead letters must not go on */
  async add(letter: DeadLetter): Promise<void> {
    const line = `${textOf(letter)}\n`
    const write = this.#last.then(async () => {
      this.#file ??= this.#create()
      await (await this.#file).appendFile(line)
    })
    this.#last = write.catch(() => undefined)
    try {
      await write
    } catch (error) {
      throw new DocferryError('DOCFERRY_STATE', `dead letters cannot be kept in ${this.path}: ${describeError(error)}`, { cause: error })
    }
  }

  async close(): Promise<void> {
    await this.#last
    // A file that could not be made has thrown in `add`.
    const file = await this.#file?.catch(() => undefined)
    if (!file) return
    try {
      await file.sync()
    } finally {
      await file.close()
    }
  }

  async #create(): Promise<FileHandle> {
    await mkdir(dirname(this.path), { recursive: true, mode: 0o700 })
    return await open(this.path, 'a', 0o600)
  }
}

/** A document that no text can hold (nested too deeply, or a stage left something in it that is no value) is kept by its id alone. */
function textOf(letter: DeadLetter): string {
  try {
    return stringifyJson(withoutUndefined(letter))
  } catch (error) {
    if (!(error instanceof DocferryError)) throw error
    return stringifyJson({ ...withoutUndefined({ ...letter, document: undefined }), withoutDocument: error.message })
  }
}

function withoutUndefined(letter: DeadLetter): Record<string, Value> {
  return Object.fromEntries(Object.entries(letter).filter(([, value]) => value !== undefined))
}
