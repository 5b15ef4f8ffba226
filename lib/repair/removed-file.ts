/** Keeps documents before they are removed: an export at every moment, so that `docferry import` brings them back. */
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder } from '../engine/atomic-file.ts'
import { describeError, DocferryError } from '../errors.ts'
import { formatVersion } from '../formats/ndjson.ts'
import type { Document, Location } from '../types.ts'
import { DigestSum, stringifyJson } from '../values/index.ts'

export const removedName = 'removed.ndjson'

export class RemovedFile {
  readonly path: string
  readonly #handle: FileHandle
  /** Where the line stands that is the last of an export; the next documents take its place. */
  #end: number
  #section: string | undefined
  readonly #sums = new Map<string, DigestSum>()

  private constructor(path: string, handle: FileHandle, end: number) {
    this.path = path
    this.#handle = handle
    this.#end = end
  }

  /** @param collections all that documents may be of, by their names in the target */
  static async create(path: string, target: Location, collections: readonly string[]): Promise<RemovedFile> {
    try {
      const handle = await open(path, 'wx', 0o600)
      const metadata = { provider: target.provider, exported_at: new Date().toISOString(), collections: [...collections] }
      const head = Buffer.from(`${stringifyJson({ $docferry: formatVersion, metadata })}\n`)
      const file = new RemovedFile(path, handle, 0)
      await file.#write(head)
      await syncFolder(dirname(path))
      return file
    } catch (error) {
      throw unwritable(path, error)
    }
  }

  /** They are on disk when this resolves. @throws {DocferryError} DOCFERRY_STATE */
  async keep(collection: string, documents: readonly Document[]): Promise<void> {
    const section = this.#section === collection ? '' : `${stringifyJson({ $collection: collection })}\n`
    const sum = this.#sums.get(collection) ?? new DigestSum()
    this.#sums.set(collection, sum)
    const lines = documents.map(document => {
      sum.add(document)
      return `${stringifyJson(document)}\n`
    })
    try {
      await this.#write(Buffer.from(section + lines.join('')))
    } catch (error) {
      throw unwritable(this.path, error)
    }
    this.#section = collection
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  async #write(bytes: Buffer): Promise<void> {
    const sums = [...this.#sums]
    const counts = Object.fromEntries(sums.map(([name, { count }]) => [name, count]))
    const digest = Object.fromEntries(sums.map(([name, sum]) => [name, sum.hex()]))
    const all = Buffer.concat([bytes, Buffer.from(`${stringifyJson({ $end: { counts, digest } })}\n`)])
    for (let done = 0; done < all.length;) done += (await this.#handle.write(all, done, all.length - done, this.#end + done)).bytesWritten
    await this.#handle.sync()
    this.#end += bytes.length
  }
}

function unwritable(path: string, cause: unknown): DocferryError {
  return new DocferryError(
    'DOCFERRY_STATE',
    `what is to be removed can't be kept in ${path}, and stays in the target: ${describeError(cause)}`,
    { cause }
  )
}
