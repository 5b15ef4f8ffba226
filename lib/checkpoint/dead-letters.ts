/** The file that keeps what could not be written. */
import { createReadStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder } from '../engine/atomic-file.ts'
import type { DeadLetter } from '../engine/dead-letter.ts'
import { makeFolder } from '../engine/make-folder.ts'
import { DocferryError, describeError } from '../errors.ts'
import { LineSplitter } from '../formats/lines.ts'
import { parseText, stringifyDeep, stringifyJson } from '../values/index.ts'
import type { Value } from '../values/index.ts'

export const deadLettersName = 'dead-letters.ndjson'

/**
 * NDJSON, one dead letter a line, with its document: readable by its owner only. Folder and file come to be with the first letter.
 */
export class DeadLetters {
  readonly path: string
  #file: Promise<FileHandle> | undefined
  #last: Promise<unknown> = Promise.resolve()
  /** Whether the file holds what may not be on disk yet. */
  #isDirty = false
  #hasFailed = false

  constructor(path: string) {
    this.path = path
  }

  /** @throws {DocferryError} DOCFERRY_STATE: a run that cannot keep its dead letters must not go on */
  async add(letter: DeadLetter): Promise<void> {
    await this.addLine(textOf(letter))
  }

  /** Keep a letter in the form that it has in a file. @throws {DocferryError} DOCFERRY_STATE */
  async addLine(line: string): Promise<void> {
    await this.#inTurn(async () => {
      this.#file ??= this.#create()
      this.#isDirty = true
      await (await this.#file).appendFile(`${line}\n`)
    })
  }

  /** Every letter that was added is on disk when this resolves. @throws {DocferryError} DOCFERRY_STATE */
  async sync(): Promise<void> {
    await this.#inTurn(async () => {
      if (!this.#file || !this.#isDirty) return
      await (await this.#file).sync()
      this.#isDirty = false
    })
  }

  /** @throws {DocferryError} DOCFERRY_STATE where a letter did not come to disk, unless that has been said already */
  async close(): Promise<void> {
    try {
      if (!this.#hasFailed) await this.sync()
    } finally {
      await this.#last
      const file = await this.#file?.catch(() => undefined)
      await file?.close()
    }
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => undefined)
    try {
      await done
    } catch (error) {
      this.#hasFailed = true
      throw new DocferryError('DOCFERRY_STATE', `dead letters cannot be kept in ${this.path}: ${describeError(error)}`, { cause: error })
    }
  }

  async #create(): Promise<FileHandle> {
    await makeFolder(dirname(this.path), 0o700)
    const file = await open(this.path, 'a', 0o600)
    try {
      await syncFolder(dirname(this.path))
    } catch (error) {
      await file.close()
      throw error
    }
    return file
  }
}

/**
 * Keep those letters of a file that are wanted; where none is, the file goes. A last line that is cut off goes too: its document is read again.
 *
 * @returns how many are left
 * @throws {DocferryError} DOCFERRY_STATE
 */
export async function trimDeadLetters(
  path: string,
  isWanted: (letter: Pick<DeadLetter, 'partition' | 'mark'>) => boolean
): Promise<number> {
  const partial = `${path}.partial`
  try {
    const kept = await open(partial, 'w', 0o600)
    let count = 0
    try {
      const splitter = new LineSplitter()
      for await (const chunk of createReadStream(path)) {
        for (const { bytes } of splitter.push(chunk as Buffer)) {
          const letter = parseLetter(bytes)
          if (!letter || !isWanted(letter)) continue
          await kept.write(Buffer.concat([bytes, newline]))
          count++
        }
      }
      await kept.sync()
    } finally {
      await kept.close()
    }
    if (count > 0) await rename(partial, path)
    else await Promise.all([rm(partial, { force: true }), rm(path, { force: true })])
    return count
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined)
    if ((error as { code?: unknown }).code === 'ENOENT') return 0
    throw new DocferryError('DOCFERRY_STATE', `the dead letters in ${path} can't be gone through: ${describeError(error)}`, {
      cause: error
    })
  }
}

const newline = Buffer.from('\n')

function parseLetter(bytes: Buffer): Pick<DeadLetter, 'partition' | 'mark'> | undefined {
  try {
    return parseText(bytes.toString()) as Pick<DeadLetter, 'partition' | 'mark'>
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/**
 * A document that is nested too deeply is kept as its text, so that whatever reads letters can read this one. One that no text can hold (a stage
 * left something in it that is no value) is kept by its id alone.
 */
export function textOf(letter: DeadLetter): string {
  try {
    return stringifyJson(withoutUndefined(letter))
  } catch (error) {
    if (!(error instanceof DocferryError)) throw error
    return stringifyJson({ ...withoutUndefined({ ...letter, document: undefined }), ...insteadOfDocument(letter) })
  }
}

function insteadOfDocument({ document }: DeadLetter): { readonly raw: string } | { readonly withoutDocument: string } {
  try {
    return { raw: stringifyDeep(document!) }
  } catch (error) {
    if (!(error instanceof DocferryError)) throw error
    return { withoutDocument: error.message }
  }
}

function withoutUndefined(letter: DeadLetter): Record<string, Value> {
  return Object.fromEntries(Object.entries(letter).filter(([, value]) => value !== undefined))
}
