/** The manifest of a folder: what each of its files should hold. */
import { readFile } from 'node:fs/promises'
import { readPart } from '../../engine/near-files.ts'
import { DocferryError } from '../../errors.ts'
import { manifestList } from '../../formats/export-text.ts'
import { readListedFile } from '../../formats/listed-json.ts'
import type { ListEntry, ListVisitor } from '../../formats/listed-json.ts'
import { formatVersion } from '../../formats/ndjson.ts'
import type { SecurityObject } from '../../types.ts'
import { isMap, parseJson, setField } from '../../values/index.ts'
import type { Value, ValueMap } from '../../values/index.ts'

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

/** `ManifestEntry.receipt`, asked for when its file is read: those of thousands of files take more memory than all else. */
export type StatedSums = () => Promise<string>

export interface Manifest {
  readonly provider: string | undefined
  readonly entries: ReadonlyMap<string, StatedEntry>
  readonly security: Value | undefined
}

type StatedEntry = Omit<ManifestEntry, 'receipt'> & { readonly receipt?: StatedSums | undefined }

/** @throws {DocferryError} DOCFERRY_DECODE for what is none, is cut, or one of a newer docferry */
export async function readManifest(path: string): Promise<Manifest> {
  // What is wrong with it is told below.
  const inPieces = await manifestInPieces(path, visitor => readListedFile(path, manifestList, visitor)).catch(() => undefined)
  return inPieces ?? parseManifest(await readFile(path, 'utf8'), path)
}

/** @throws {DocferryError} DOCFERRY_DECODE */
export function parseManifest(text: string, path: string): Manifest {
  let manifest: Value
  try {
    manifest = parseJson(text)
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
  const stated = Object.entries(files).map(([name, value]) => {
    const entry = readEntry(path, name, value)
    const { receipt } = entry
    return [name, { ...entry, receipt: receipt === undefined ? undefined : textGiven(receipt) }] as const
  })
  return { ...aboutOf(metadata), entries: new Map(stated) }
}

/**
 * The same of a manifest in the form in which it was written. What it says of a file's documents stays where it is, if a root tells whether it is still that.
 *
 * @param read hands its text on, as `readListed`
 * @returns undefined for what is in another form, or of a newer docferry: `parseManifest` tells
 */
export async function manifestInPieces(
  path: string,
  read: (visitor: ListVisitor) => Promise<string | undefined>
): Promise<Manifest | undefined> {
  const entries = new Map<string, StatedEntry>()
  // In the order in which a map has them.
  const order: ValueMap = {}
  let metadata: Value | undefined
  const tail = await read({
    head(text) {
      const head = parseJson(`${text}\n}`)
      if (!isMap(head) || Object.hasOwn(head, 'files') || head['$docferry'] !== formatVersion) return false
      metadata = head['metadata']
      return metadata !== undefined
    },
    entry(place) {
      const [name, value] = entryIn(place.text) ?? []
      if (name === undefined || value === undefined) return false
      const { receipt, ...entry } = readEntry(path, name, value)
      if (receipt !== undefined && entry.root === undefined) return false
      entries.set(name, { ...entry, receipt: receipt === undefined ? undefined : statedIn(path, place, receipt) })
      setField(order, name, true)
      return true
    }
  })
  if (tail !== '\n  }\n}\n') return undefined
  return { ...aboutOf(metadata), entries: new Map(Object.keys(order).map(name => [name, entries.get(name)!])) }
}

/** @returns undefined for what is no entry, or would be something else among others @throws as `parseJson` */
function entryIn(text: string): readonly [string, Value] | undefined {
  // The name of an envelope.
  if (text.startsWith('"$')) return undefined
  const parsed = parseJson(`{"files":{${text}}}`)
  const files = isMap(parsed) ? parsed['files'] : undefined
  const found = isMap(files) ? Object.entries(files) : []
  return found.length === 1 ? found[0] : undefined
}

function statedIn(path: string, { text, start }: ListEntry, receipt: string): StatedSums {
  const at = text.indexOf(`"${receipt}"`)
  return at === -1 ? textGiven(receipt) : textAt(path, start + Buffer.byteLength(text.slice(0, at + 1)), Buffer.byteLength(receipt))
}

/** A function of its own: functions that are made in one place hold on to whatever one of them needs. */
function textGiven(text: string): StatedSums {
  return () => Promise.resolve(text)
}

/** The sums' root, which was read before, tells where it is another by now. */
function textAt(path: string, start: number, length: number): StatedSums {
  return async () => (await readPart(path, start, length)).toString()
}

function aboutOf(metadata: Value | undefined): Pick<Manifest, 'provider' | 'security'> {
  const { provider, security } = isMap(metadata) ? metadata : {}
  return { provider: typeof provider === 'string' ? provider : undefined, security }
}

function readEntry(path: string, collection: string, entry: Value): ManifestEntry {
  const { file, documents, digest, receipt, root } = isMap(entry) ? entry : {}
  const text = (value: Value | undefined): string | undefined => (typeof value === 'string' ? value : undefined)
  if (typeof file === 'string' && typeof documents === 'number')
    return { file, documents, digest: text(digest), receipt: text(receipt), root: text(root) }
  throw new DocferryError('DOCFERRY_DECODE', `${path}: the entry of ${JSON.stringify(collection)} has no file or no number of documents`)
}
