/** A folder of NDJSON files, one for each collection, with a manifest that says what they should hold. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { statExactly } from '../../engine/near-files.ts'
import { DocferryError } from '../../errors.ts'
import { manifestName } from '../../formats/export-text.ts'
import { formatOfName } from '../../formats/open-input.ts'
import type { Value } from '../../values/index.ts'
import type { Cursor, Logger } from '../../types.ts'
import { attachmentsName, holdsOnlyContents } from './attachment-store.ts'
import { collectionOf } from './limits.ts'
import { readManifest } from './manifest.ts'
import type { StatedSums } from './manifest.ts'
import { startOf } from './same-file.ts'

/** One collection's file. */
export interface FolderFile {
  readonly collection: string
  /** Name in the folder. */
  readonly file: string
  readonly gzip: boolean
  /** Size as it is stored. */
  readonly bytes: number
  /** Its beginning, as a cursor. Missing where it is gone. */
  readonly start?: Cursor
  /** What the manifest says that it holds. */
  readonly documents?: number
  readonly digest?: string
  readonly receipt?: StatedSums | undefined
  readonly root?: string
  /** Why it can't be read: it is gone. */
  readonly lost?: string
}

export interface Folder {
  /** In the order of their collections' names. */
  readonly files: readonly FolderFile[]
  /** Names of files that are no NDJSON, which are not read. */
  readonly others: readonly string[]
  /** Where its documents come from, as its manifest says. */
  readonly provider?: string | undefined
  /** Without a manifest, nothing tells whether it is whole. */
  readonly hasManifest: boolean
  /** What the manifest tells of CouchDB's `_security` objects, by collections. */
  readonly security: Value | undefined
}

/** @throws {DocferryError} DOCFERRY_CONFIG where there is nothing to read, or two files are one collection; DOCFERRY_DECODE */
export async function listFolder(path: string, logger: Logger): Promise<Folder> {
  const names = (await readdir(path)).sort()
  const manifest = names.includes(manifestName) ? await readManifest(join(path, manifestName)) : undefined
  const listedBy = new Map([...(manifest?.entries ?? [])].map(([collection, entry]) => [entry.file, { collection, entry }]))
  const files = new Map<string, FolderFile>()
  const others: string[] = []
  for (const file of names) {
    const { format, gzip, stem } = formatOfName(file)
    if (format !== 'ndjson') {
      if (file !== manifestName && file !== attachmentsName) others.push(file)
      continue
    }
    const listed = listedBy.get(file)
    const collection = listed?.collection ?? collectionOf(stem)
    const twin = files.get(collection)
    if (twin)
      throw new DocferryError(
        'DOCFERRY_CONFIG',
        `${path}: ${twin.file} and ${file} are both the collection ${JSON.stringify(collection)}: remove one`
      )
    const place = join(path, file)
    const stats = await statExactly(place)
    // To open a pipe waits for who writes into it.
    if (!stats.isFile())
      throw new DocferryError(
        'DOCFERRY_CONFIG',
        `${place} is no file (${stats.isDirectory() ? 'a folder' : 'a pipe or a device'}): take it out of the folder, or name it by itself`
      )
    const { documents, digest, receipt, root } = listed?.entry ?? {}
    files.set(collection, { collection, file, gzip, bytes: Number(stats.size), start: startOf(stats), documents, digest, receipt, root })
  }
  for (const [collection, { file, documents }] of manifest?.entries ?? []) {
    if (files.has(collection)) continue
    const lost = `${path} has no ${file}, which its ${manifestName} names for the collection ${JSON.stringify(collection)}`
    files.set(collection, { collection, file, gzip: false, bytes: 0, documents, lost })
  }
  if (others.length > 0)
    logger.warn({ path, others: others.slice(0, 20) }, 'files in the folder that are no .ndjson or .jsonl are not read')
  if (!manifest && files.size === 0)
    throw new DocferryError('DOCFERRY_CONFIG', `${path} holds no .ndjson or .jsonl file: name a file in it, or another folder`)
  return {
    files: [...files.values()].sort((a, b) => (a.collection < b.collection ? -1 : 1)),
    others,
    provider: manifest?.provider,
    hasManifest: manifest !== undefined,
    security: manifest?.security
  }
}

/** Whether a folder holds an export and nothing else, so that it may be replaced as a whole. */
export async function isExportFolder(path: string): Promise<boolean> {
  const names = await readdir(path)
  if (names.includes(attachmentsName) && !(await holdsOnlyContents(join(path, attachmentsName)))) return false
  return names.every(name => name === manifestName || name === attachmentsName || formatOfName(name).format === 'ndjson')
}
