/**
 * Reads DynamoDB's exports to S3 from a folder: each table a collection, each collection one partition, its data files one after another.
 *
 * Before its first item is handed on, each data file is read through for its MD5: a wrong one found at its end would be written by then.
 */
import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import { DocferryError } from '../../errors.ts'
import { itemLineReader, readItemLine } from '../../formats/dynamodb/item-lines.ts'
import { keyOfItem, unknownKey } from '../../formats/dynamodb/key-option.ts'
import { gunzip, isGzip } from '../../formats/gzip.ts'
import { LineSplitter } from '../../formats/lines.ts'
import { readNdjson } from '../../formats/ndjson.ts'
import type { Cursor, Page, Partition, Source } from '../../types.ts'
import { readError } from './errors.ts'
import { keyOption } from './options.ts'
import type { FileOptions } from './options.ts'
import type { FoundFile, TableExport } from './s3-export.ts'
import { guarded } from './stream-reader.ts'
import { formatCount } from '../../values/format-count.ts'

const readChunkBytes = 256 << 10

/** Place in an export, as JSON. */
interface Place {
  /** Name of the data file. */
  readonly file: string
  /** Place in it. */
  readonly inner: Cursor
}

/**
 * Ids may repeat as in any file: whether the key that is taken for the table's really is it, an export does not tell.
 *
 * @param path real path of the folder
 */
export function s3Source(path: string, options: FileOptions, exports: readonly TableExport[]): Source {
  const key = keyOption(options)
  let checked: Promise<void> | undefined

  /** Before anything is written: with a wrong key, every item would be dead-lettered. */
  async function checkKeys(): Promise<void> {
    if (options.incremental) return
    for (const { files, summary, lost } of exports) {
      const filled = lost === undefined ? files.find(({ itemCount }) => itemCount > 0) : undefined
      const line = filled && (await firstLine(filled))
      const item = line === undefined ? undefined : readItemLine(line)
      if (item && !keyOfItem(key, item)) throw unknownKey(`the export of ${summary.table}`, key, item)
    }
  }

  function exportOf({ collections: [collection] }: Partition): TableExport {
    const found = exports.find(({ summary }) => summary.table === collection)
    if (found) return found
    throw new DocferryError('DOCFERRY_READ', 'its export is not in the folder any more', { collection })
  }

  return {
    location: { provider: 'file', address: path, identity: `file:${path}` },
    uniqueIds: false,
    mergesKinds: true,
    ...(options.incremental && { givesChanges: true }),
    unread: exports.flatMap(({ others }) => others),
    doubts: exports.flatMap(({ doubts }) => doubts),
    async collections({ signal }) {
      try {
        await (checked ??= checkKeys())
      } catch (error) {
        checked = undefined
        signal?.throwIfAborted()
        throw readError(error, options.path)
      }
      return exports.map(({ summary: { table, itemCount }, lost }) => ({ name: table, documents: itemCount, lost }))
    },
    partitions(collections) {
      const wanted = exports.filter(({ summary: { table } }) => collections === null || collections.includes(table))
      return Promise.resolve(wanted.map(({ summary: { table }, place }) => ({ id: table, collections: [table], range: { export: place } })))
    },
    async *read(partition, { after, signal, pageSize }) {
      const { summary, files, lost } = exportOf(partition)
      const collection = summary.table
      if (lost !== undefined) throw new DocferryError('DOCFERRY_FILE_MISSING', lost, { collection })
      const place = after === undefined ? undefined : (JSON.parse(after) as Place)
      const first = place ? files.findIndex(({ file }) => file === place.file) : 0
      if (first === -1) throw new DocferryError('DOCFERRY_READ', `${place!.file} is not in the export any more: start anew`, { collection })
      const entryOf = itemLineReader({ key, changes: options.incremental })
      for (const found of files.slice(first)) {
        const inner = place?.file === found.file ? place.inner : undefined
        yield* guarded(found.path, signal, async function* () {
          await checkData(found, collection, signal)
          const expected = { documents: found.itemCount }
          const reading = { name: found.path, collection, wanted: null, after: inner, pageSize, expected, entryOf }
          const hash = createHash('md5')
          for await (const page of readNdjson(await contentOf(found, hash, signal), reading))
            yield { ...page, cursor: JSON.stringify({ file: found.file, inner: page.cursor } satisfies Place) } satisfies Page
          if (found.md5 !== undefined && hash.digest('base64') !== found.md5) throw changedMeanwhile(found, collection)
        })
      }
    },
    notes() {
      const count = exports.reduce((sum, { others }) => sum + others.length, 0)
      const unread =
        count === 0 ? [] : [`${options.path}: ${formatCount(count)} files beside the data that its manifests list are not read`]
      return [...exports.flatMap(({ doubts }) => doubts), ...unread]
    },
    async close() {}
  }
}

/** @throws {DocferryError} DOCFERRY_DECODE where the file is not the one that the manifest lists, DOCFERRY_FILE_CUT where it is shorter */
async function checkData(found: FoundFile, collection: string, signal?: AbortSignal): Promise<void> {
  if (found.md5 === undefined) return
  const hash = createHash('md5')
  for await (const chunk of createReadStream(found.path, { signal, highWaterMark: readChunkBytes })) hash.update(chunk as Buffer)
  if (hash.digest('base64') === found.md5) return
  throw new DocferryError(
    'DOCFERRY_DECODE',
    `${basename(found.path)} is not what the manifest of its export lists (its MD5 is another): it was cut or changed, and nothing of it is taken. Download it again`,
    { collection, where: found.path }
  )
}

/** @param hash given the bytes as they are stored */
async function contentOf({ path, bytes }: FoundFile, hash: Hash, signal?: AbortSignal): Promise<AsyncIterable<Buffer>> {
  const stored = hashed(createReadStream(path, { signal, highWaterMark: readChunkBytes }), hash)
  // A part of the table that holds nothing is an empty file, compressed or not.
  return bytes > 0 && (await isCompressed(path)) ? gunzip(stored, { name: path }) : stored
}

async function* hashed(chunks: AsyncIterable<Buffer>, hash: Hash): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    hash.update(chunk)
    yield chunk
  }
}

async function isCompressed(path: string): Promise<boolean> {
  const file = await open(path, 'r')
  try {
    const head = Buffer.alloc(2)
    await file.read(head, 0, 2, 0)
    return isGzip(head)
  } finally {
    await file.close()
  }
}

/** @returns undefined for a file that can't be read: reading it says why */
async function firstLine(found: FoundFile): Promise<string | undefined> {
  const splitter = new LineSplitter()
  try {
    for await (const chunk of await contentOf(found, createHash('md5'))) {
      const [line] = splitter.push(chunk)
      if (line) return line.bytes.toString()
    }
    return splitter.end()?.bytes.toString()
  } catch (error) {
    if (error instanceof DocferryError) return undefined
    throw error
  }
}

function changedMeanwhile({ path }: FoundFile, collection: string): DocferryError {
  return new DocferryError(
    'DOCFERRY_DECODE',
    `${basename(path)} was changed while it was read (its MD5 is not the one that the manifest of its export lists any more). Download it again`,
    { collection, where: path, spoilsRun: true }
  )
}
