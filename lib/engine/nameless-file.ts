/** A file without a name in the system's temporary folder, so that nothing is left of it whenever the process dies. */
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeError, DocferryError } from '../errors.ts'

export class NamelessFile {
  readonly #handle: number
  readonly #what: string

  /**
   * @param what is kept, for messages: `ids`
   * @throws {DocferryError} DOCFERRY_STATE where the disk can't take it; so do the others
   */
  constructor(what: string) {
    this.#what = what
    const path = join(tmpdir(), `docferry-${what}-${randomBytes(8).toString('hex')}`)
    try {
      this.#handle = openSync(path, 'wx+', 0o600)
      rmSync(path, { force: true })
    } catch (error) {
      throw this.#unusable(error)
    }
  }

  write(bytes: Uint8Array, at: number): void {
    try {
      for (let done = 0; done < bytes.length;) done += writeSync(this.#handle, bytes, done, bytes.length - done, at + done)
    } catch (error) {
      throw this.#unusable(error)
    }
  }

  /** Fill `bytes` with what was written from a place on. */
  read(bytes: Uint8Array, at: number): void {
    for (let done = 0; done < bytes.length;) {
      const got = readSync(this.#handle, bytes, done, bytes.length - done, at + done)
      if (got === 0) throw new DocferryError('DOCFERRY_BUG', `a temporary file of ${this.#what} is shorter than it was`)
      done += got
    }
  }

  close(): void {
    closeSync(this.#handle)
  }

  #unusable(cause: unknown): DocferryError {
    return new DocferryError('DOCFERRY_STATE', `${this.#what} can't be kept in ${tmpdir()}: ${describeError(cause)}`, { cause })
  }
}
