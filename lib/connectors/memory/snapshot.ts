/** Loads a store from a file and saves it to one. */
import { createReadStream } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { createAtomicFile } from '../../engine/atomic-file.ts'
import { DocferryError, describeError } from '../../errors.ts'
import type { ErrorCode } from '../../errors.ts'
import { openByteSink } from '../../formats/byte-sink.ts'
import { documentLine } from '../../formats/document-lines.ts'
import { jsonText } from '../../formats/export-text.ts'
import { ExportWriter } from '../../formats/export-writer.ts'
import { formatOfName, openInput } from '../../formats/open-input.ts'
import type { MemoryStore } from './store.ts'

/** Documents that are turned into text between two writes. */
const saveBatch = 200

/** Mistakes in the command, and no trouble with reading. */
const adviceFor = {
  ENOENT: 'there is no such file: check the path, or MEMORY_SNAPSHOT',
  EISDIR: 'it is a folder, and a file is wanted: name a file in it (for documents in a folder, file:FOLDER)'
} as const

export interface LoadOptions {
  readonly signal?: AbortSignal | undefined
  /** What it means that it can't be read: a source that can't be, or a target that can't be added to. */
  readonly unreadable: Extract<ErrorCode, 'DOCFERRY_READ' | 'DOCFERRY_TARGET'>
}

/**
 * Add a file's documents to a store.
 *
 * @throws {DocferryError} DOCFERRY_CONFIG where it is missing; DOCFERRY_DECODE where it holds something that is no document, or an id twice: a
 * snapshot that a store was saved to never does, and in part it must not be loaded
 */
export async function loadSnapshot(store: MemoryStore, path: string, { signal, unreadable }: LoadOptions): Promise<void> {
  const name = path
  const wrong = (what: string): DocferryError => {
    const advice = `as a snapshot it would be loaded in part. Read it as a file, as in file:${path}, to see all such places`
    return new DocferryError('DOCFERRY_DECODE', `${path}: ${what}; ${advice}`)
  }
  try {
    const input = await openInput(createReadStream(path, { signal, highWaterMark: 256 << 10 }), { name })
    const collection = input.head.hasSections ? null : formatOfName(path).stem
    for (const each of input.head.metadata?.collections ?? []) store.collection(each)
    for await (const page of input.read({ collection, wanted: null, onSection: each => store.collection(each) })) {
      const documents = store.collection(page.collection)
      const [reject] = page.rejects ?? []
      if (reject) throw wrong(`${reject.message} at ${reject.where}`)
      for (const document of page.documents) {
        if (documents.has(document._id)) throw wrong(`an id stands twice in ${JSON.stringify(page.collection)}`)
        documents.set(document._id, document)
      }
    }
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof DocferryError || !isSystemError(error)) throw error
    const told = adviceFor[(error as { code?: unknown }).code as keyof typeof adviceFor] as string | undefined
    const code = told === undefined ? unreadable : 'DOCFERRY_CONFIG'
    throw new DocferryError(code, `the snapshot ${path} can't be read: ${told ?? describeError(error)}`, {
      provider: 'memory',
      cause: error
    })
  }
}

/** What tells one state of a snapshot file from another; `undefined` where there is no file. @throws {DocferryError} DOCFERRY_TARGET */
export async function versionOf(path: string): Promise<string | undefined> {
  try {
    const stats = await stat(path, { bigint: true }).catch(ignoreMissing)
    return stats && `${stats.ino} ${stats.mtimeNs} ${stats.size}`
  } catch (error) {
    throw new DocferryError('DOCFERRY_TARGET', `the snapshot ${path} can't be saved there: ${describeError(error)}`, {
      provider: 'memory',
      cause: error
    })
  }
}

/** Save a whole store, then let it take the place of the file that was there. @throws {DocferryError} DOCFERRY_TARGET */
export async function saveSnapshot(store: MemoryStore, path: string, signal?: AbortSignal): Promise<void> {
  try {
    const file = await createAtomicFile(path, { overwrite: true })
    try {
      const sink = openByteSink(file.stream, { gzip: formatOfName(path).gzip })
      const writer = new ExportWriter(sink, { text: jsonText, provider: 'memory', mayReopen: false, digests: false })
      for (const name of store.collections.keys()) writer.announce(name)
      for (const [name, documents] of store.collections) {
        const all = [...documents.values()]
        for (let from = 0; from < all.length; from += saveBatch) {
          signal?.throwIfAborted()
          const batch = all.slice(from, from + saveBatch)
          await writer.write(
            name,
            batch.map(document => documentLine(document))
          )
        }
      }
      await writer.end()
      await file.commit()
    } catch (error) {
      await file.discard()
      throw error
    }
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof DocferryError || !isSystemError(error)) throw error
    throw new DocferryError('DOCFERRY_TARGET', `the snapshot ${path} can't be saved: ${describeError(error)}`, {
      provider: 'memory',
      cause: error
    })
  }
}

/** The same for a file and for the snapshot that is this file: two ends at it are the same place. */
export async function identityOf(store: MemoryStore, snapshot: string | undefined): Promise<string> {
  if (snapshot === undefined) return `memory:${store.id}`
  const whole = resolve(snapshot)
  const place = await realpath(whole).catch(ignoreMissing)
  if (place !== undefined) return `file:${place}`
  const folder = await realpath(dirname(whole)).catch(ignoreMissing)
  return `file:${folder === undefined ? whole : join(folder, basename(whole))}`
}

function ignoreMissing(error: { code?: unknown }): undefined {
  if (error.code !== 'ENOENT') throw error
}

function isSystemError(error: unknown): error is Error {
  return error instanceof Error && (error as { syscall?: unknown }).syscall !== undefined
}
