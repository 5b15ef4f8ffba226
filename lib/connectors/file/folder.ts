/** A folder of NDJSON files, one for each collection, with a manifest that says what they should hold. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stat } from '../../engine/near-files.ts'
import { DocferryError } from '../../errors.ts'
import { manifestName } from '../../formats/export-text.ts'
import { formatVersion } from '../../formats/ndjson.ts'
import { formatOfName } from '../../formats/open-input.ts'
import { isMap, parseJson } from '../../values/index.ts'
import type { Value } from '../../values/index.ts'
import type { Logger, SecurityObject } from '../../types.ts'
import { attachmentsName, holdsOnlyContents } from './attachment-store.ts'
import { collectionOf } from './limits.ts'

/** One collection's file. */
export interface FolderFile {
  readonly collection: string
  /** Name in the folder. */
  readonly file: string
  readonly gzip: boolean
  /** Size as it is stored. */
  readonly bytes: number
  /** What the manifest says that it holds. */
  readonly documents?: number
  readonly digest?: string
  readonly receipt?: string
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

export interface ManifestEntry {
  readonly file: string
  readonly documents: number
  /** Left out where none was made. */
  readonly digest?: string
  /** `BucketSums.base64`; left out as the digest is, and where an older docferry began the export. */
  readonly receipt?: string
  /** `BucketSums.root`; left out as the receipt is. */
  readonly root?: string
}

/** Its entries are asked for one by one, each as it is written. @param collections of all entries, in their order */
export function* manifestPieces(
  provider: string,
  collections: readonly string[],
  entries: Iterable<readonly [collection: string, entry: ManifestEntry]>,
  security: Readonly<Record<string, SecurityObject>> = {}
): Generator<string, void, undefined> {
  const metadata = {
    provider,
    exported_at: new Date().toISOString(),
    collections,
    ...(Object.keys(security).length > 0 && { security })
  }
  const head = JSON.stringify({ $docferry: formatVersion, metadata }, undefined, 2)
  yield `${head.slice(0, -'\n}'.length)},\n  "files": {`
  let separator = ''
  for (const [collection, entry] of entries) {
    yield `${separator}\n    ${JSON.stringify(collection)}: ${JSON.stringify(entry, undefined, 2).replaceAll('\n', '\n    ')}`
    separator = ','
  }
  yield separator === '' ? '}\n}\n' : '\n  }\n}\n'
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
    const stats = await stat(place)
    // To open a pipe waits for who writes into it.
    if (!stats.isFile())
      throw new DocferryError(
        'DOCFERRY_CONFIG',
        `${place} is no file (${stats.isDirectory() ? 'a folder' : 'a pipe or a device'}): take it out of the folder, or name it by itself`
      )
    const { documents, digest, receipt, root } = listed?.entry ?? {}
    files.set(collection, { collection, file, gzip, bytes: stats.size, documents, digest, receipt, root })
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

interface Manifest {
  readonly provider: string | undefined
  readonly entries: ReadonlyMap<string, ManifestEntry>
  readonly security: Value | undefined
}

async function readManifest(path: string): Promise<Manifest> {
  let manifest: Value
  try {
    manifest = parseJson(await readFile(path, 'utf8'))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new DocferryError('DOCFERRY_DECODE', `${path} is not valid JSON: it may be cut. Remove it to read the folder without its check`)
  }
  const { $docferry: version, files, metadata } = isMap(manifest) ? manifest : {}
  if (typeof version === 'number' && version > formatVersion) {
    throw new DocferryError(
      'DOCFERRY_DECODE',
      `${path} has version ${version} of the format, this docferry reads ${formatVersion}: update docferry`
    )
  }
  if (!isMap(files)) throw new DocferryError('DOCFERRY_DECODE', `${path} has no "files": remove it to read the folder without its check`)
  const { provider, security } = isMap(metadata) ? metadata : {}
  return {
    provider: typeof provider === 'string' ? provider : undefined,
    entries: new Map(Object.entries(files).map(([collection, entry]) => [collection, readEntry(path, collection, entry)])),
    security
  }
}

function readEntry(path: string, collection: string, entry: Value): ManifestEntry {
  const { file, documents, digest, receipt, root } = isMap(entry) ? entry : {}
  const text = (value: Value | undefined): string | undefined => (typeof value === 'string' ? value : undefined)
  if (typeof file === 'string' && typeof documents === 'number')
    return { file, documents, digest: text(digest), receipt: text(receipt), root: text(root) }
  throw new DocferryError('DOCFERRY_DECODE', `${path}: the entry of ${JSON.stringify(collection)} has no file or no number of documents`)
}
