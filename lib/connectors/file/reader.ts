/** Reads a file or a folder of files. */
import { basename, join } from 'node:path'
import { realpath, stat, statExactly } from '../../engine/near-files.ts'
import { DocferryError } from '../../errors.ts'
import { summaryName } from '../../formats/dynamodb/manifest.ts'
import { findWinners } from '../../formats/couchbackup-winners.ts'
import type { Winners } from '../../formats/couchbackup-winners.ts'
import { manifestName } from '../../formats/export-text.ts'
import { gunzip } from '../../formats/gzip.ts'
import { BufferPool } from '../../kernel/buffer-pool.ts'
import { offsetOf, readNdjson, shorterThanBefore, takesLentChunks } from '../../formats/ndjson.ts'
import type { NdjsonOptions } from '../../formats/ndjson.ts'
import { formatOfName, openInput, readerOf } from '../../formats/open-input.ts'
import type { Format, Input, InputReading } from '../../formats/open-input.ts'
import { readSummary } from '../../formats/tail.ts'
import type { Packing } from '../../packed.ts'
import type { CollectionInfo, Cursor, OpenContext, Page, Partition, Source } from '../../types.ts'
import { attachedPages } from './attached-pages.ts'
import { attachmentsBeside, attachmentsName } from './attachment-store.ts'
import { takeBeginning } from './beginning.ts'
import type { Beginning } from './beginning.ts'
import { checkBackupLog } from './backup-log.ts'
import { readError } from './errors.ts'
import { listFolder } from './folder.ts'
import type { Folder, FolderFile } from './folder.ts'
import { securityIn } from './security.ts'
import { readAny } from './named-pipe.ts'
import { keyOption, standardStreams } from './options.ts'
import type { FileOptions } from './options.ts'
import { readAtOnce, readBlocks, readChunkBytes, readInTurn, readWhole } from './read-blocks.ts'
import { InputNotes } from './input-notes.ts'
import { findExports } from './s3-export.ts'
import { s3Source } from './s3-reader.ts'
import { pagesOfSameFile, startOf } from './same-file.ts'
import { guarded, isOfFirestore, openStreamSource } from './stream-reader.ts'

/** Smaller files are not opened again to be read in places that they can be packed in. */
const largeBytes = 1 << 20
/** For small files of a folder that are read at once. */
const placesKept = 4

export async function openFileSource(options: FileOptions, context: OpenContext): Promise<Source> {
  if (options.path === standardStreams)
    return openStreamSource(options, { name: 'standard input' }, options.stdin ?? process.stdin, context)
  try {
    const path = await realpath(options.path).catch((error: unknown) => {
      // What a shell hands over as /dev/fd/63 is there, and leads to no place with a name.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      return options.path
    })
    const stats = await statExactly(path)
    if (stats.isDirectory()) {
      const { format, incremental = false } = options
      const exports = format === undefined || format === 'dynamodb-json' ? await findExports(path, { incremental }) : undefined
      if (exports) return s3Source(path, options, exports)
      if (format === undefined || format === 'folder') return folderSource(path, options, await listFolder(path, context.logger), context)
      if (format === 'dynamodb-json')
        throw new DocferryError('DOCFERRY_CONFIG', `${options.path} holds no export of DynamoDB's (a ${summaryName})`)
      throw new DocferryError('DOCFERRY_CONFIG', `${options.path}: it is a folder, and ${options.format} is one file: name a file in it`)
    }
    if (options.format === 'folder') throw new DocferryError('DOCFERRY_CONFIG', `${options.path}: it is a file, and no folder`)
    // A pipe or a terminal with a name can be read once, like standard input.
    if (!stats.isFile()) {
      const stream = await readAny(path, { highWaterMark: readChunkBytes })
      const { format, stem } = formatOfName(path)
      return openStreamSource(options, { name: options.path, stem: format && stem }, stream, context)
    }
    return singleSource(
      path,
      options,
      { size: Number(stats.size), start: startOf(stats), batches: await checkBackupLog(options.backupLog) },
      context
    )
  } catch (error) {
    throw readError(error, options.path)
  }
}

function location(path: string): Source['location'] {
  return { provider: 'file', address: path, identity: `file:${path}` }
}

/** A file that can be opened as often as needed. @param start its beginning @param batches what the log of a backup by couchbackup says that it holds */
function singleSource(
  path: string,
  options: FileOptions,
  { size, start, batches }: { readonly size: number; readonly start: Cursor; readonly batches: number | undefined },
  { attachments: how, logger }: OpenContext
): Source {
  const format = options.format === 'folder' ? undefined : options.format
  const name = options.path
  const key = keyOption(options)
  const inputNotes = new InputNotes()
  const plainName = (found: Format): string => options.collection ?? stemOf(path, found)
  const openWhole = (signal?: AbortSignal): Promise<Input> => openInput(readWhole(path, { signal }), { name, format, key })
  let found: Promise<readonly CollectionInfo[]> | undefined
  let beginning: Beginning | undefined
  let winners: Promise<Winners> | undefined

  /** Of a backup by couchbackup. */
  async function winnersOf(input: Input, signal?: AbortSignal): Promise<Winners> {
    const open = (): AsyncIterable<Buffer> => (input.gzip ? gunzip(readWhole(path, { signal }), { name }) : readWhole(path, { signal }))
    try {
      if (!winners) logger.info({ path }, 'the backup is looked through for documents that stand in several batches')
      return await (winners ??= findWinners(open))
    } catch (error) {
      winners = undefined
      throw error
    }
  }

  /** Read once: of a file of thousands of collections it is asked for with each of them. */
  async function begin(signal?: AbortSignal): Promise<Beginning> {
    return (beginning ??= await takeBeginning(path, { name, format, key, signal }))
  }

  async function findCollections(signal?: AbortSignal): Promise<readonly CollectionInfo[]> {
    const { head, gzip } = await begin(signal)
    const bytes = gzip ? undefined : size
    if (!head.hasSections) return [{ name: plainName(head.format), bytes }]
    const summary = head.format === 'ndjson' ? await readSummary(path, { size, gzip }) : undefined
    const listed = head.metadata?.collections
    const names =
      listed || summary ? new Set([...(listed ?? []), ...Object.keys(summary?.counts ?? {})]) : await readSections(await openWhole(signal))
    const counts = new Map(Object.entries(summary?.counts ?? {}))
    return [...names].map(each => ({ name: each, documents: counts.get(each), bytes: names.size === 1 ? bytes : undefined }))
  }

  return {
    location: location(path),
    uniqueIds: false,
    async holdsSubcollections({ signal }) {
      try {
        return isOfFirestore((await begin(signal)).head)
      } catch {
        // Whoever reads it says what is wrong.
        signal?.throwIfAborted()
        return false
      }
    },
    async collections({ signal }) {
      found ??= findCollections(signal)
      try {
        return await found
      } catch (error) {
        found = undefined
        signal?.throwIfAborted()
        throw readError(error, name)
      }
    },
    async security(collection, { signal }) {
      return securityIn((await begin(signal)).head.metadata?.security, collection)
    },
    async partitions(collections, { signal }) {
      const names = collections ?? (await this.collections({ signal }))?.map(each => each.name) ?? []
      return [{ id: basename(path), collections: names, range: { all: collections === null }, start }]
    },
    packs: how === undefined,
    works: true,
    async *read(partition, { after: place, signal, pageSize, packing }) {
      const folder = attachmentsBeside(path)
      const pagesBehind = async function* (after: Cursor | undefined): AsyncGenerator<Page> {
        const input = await openWhole(signal)
        try {
          const { head } = input
          const named = plainName(head.format)
          if (head.hasSections && options.collection !== undefined) inputNotes.nameUnused(options.collection, name)
          const reading: InputReading = {
            collection: head.hasSections ? null : named,
            wanted: partition.range?.all === true ? null : partition.collections,
            after,
            pageSize,
            packing,
            batches,
            ...(head.format === 'couchbackup' && { winners: await winnersOf(input, signal) }),
            onPassedOver: inputNotes.passedOver(named),
            onEmpty: inputNotes.empty(name),
            onUnchecked: inputNotes.onUnchecked
          }
          const isLarge = size >= largeBytes && !input.gzip
          packing?.packer?.expect(size)
          if (isLarge && head.format === 'json' && packing?.packer) {
            await input.close()
            const chunks = readBlocks(path, { start: 0, packer: packing.packer, isLines: false, signal })
            return yield* readerOf(head.format, key)(chunks, { ...reading, name, listed: head.metadata?.collections })
          }
          const inPlaces = isLarge && head.format === 'ndjson' ? packing : undefined
          if (input.gzip || head.format === 'json' || (after === undefined && !takesLentChunks(inPlaces))) return yield* input.read(reading)
          await input.close()
          const read = readerOf(head.format, key)
          yield* readRest(path, name, after, (chunks, rest) => read(chunks, { ...reading, ...rest, listed: head.metadata?.collections }), {
            signal,
            packing: inPlaces
          })
        } finally {
          // A reader that refuses what it is to go on with has not begun to read.
          await input.close()
        }
      }
      const pages = guarded(name, signal, () =>
        pagesOfSameFile({ path, name, after: place, collection: partition.collections[0], signal }, pagesBehind)
      )
      yield* attachedPages(pages, { folder, how, signal })
    },
    notes: () => inputNotes.notes(),
    async close() {}
  }
}

/** Begin or go on in a file whose bytes can be reached without reading those before them. */
async function* readRest(
  path: string,
  name: string,
  after: Cursor | undefined,
  read: (chunks: AsyncIterable<Buffer>, options: { readonly name: string; readonly startsAt: number }) => AsyncGenerator<Page>,
  { signal, packing }: { readonly signal?: AbortSignal | undefined; readonly packing?: Packing | undefined }
): AsyncGenerator<Page> {
  const start = after === undefined ? 0 : offsetOf(after)
  if ((await stat(path)).size < start) throw shorterThanBefore(name)
  yield* read(chunksOf(path, { start, signal, packing }), { name, startsAt: start })
}

/** @param options.packing of a large file of documents, each a line */
function chunksOf(
  path: string,
  { packing, ...options }: { readonly start: number; readonly signal?: AbortSignal | undefined; readonly packing: Packing | undefined }
): AsyncIterable<Buffer> {
  if (packing?.packer) return readBlocks(path, { ...options, packer: packing.packer, isLines: true })
  return takesLentChunks(packing) ? readInTurn(path, options) : readWhole(path, options)
}

function folderSource(
  path: string,
  options: FileOptions,
  { files, others, hasManifest, provider, security }: Folder,
  { attachments: how }: OpenContext
): Source {
  const filesByName = new Map(files.map(each => [each.file, each]))
  const places = new BufferPool(placesKept)
  const inputNotes = new InputNotes()
  return {
    location: location(path),
    uniqueIds: false,
    unread: others,
    holdsSubcollections: () => Promise.resolve(provider === 'firestore'),
    security: collection => Promise.resolve(securityIn(security, collection)),
    ...(!hasManifest && { doubts: [`${path} has no ${manifestName}: that no file of it was lost or changed can't be told`] }),
    collections: () =>
      Promise.resolve(
        files.map(({ collection, documents, bytes, gzip, lost }) => ({
          name: collection,
          documents,
          bytes: gzip ? undefined : bytes,
          lost
        }))
      ),
    partitions(collections) {
      const names = collections && new Set(collections)
      const wanted = files.filter(({ collection }) => names === null || names.has(collection))
      return Promise.resolve(
        wanted.map(({ collection, file, start }) => ({
          id: collection,
          collections: [collection],
          range: { file },
          ...(start !== undefined && { start })
        }))
      )
    },
    packs: how === undefined,
    works: true,
    async *read(partition, { after: place, signal, pageSize, packing }) {
      const { collection, documents, digest, receipt, root, file, bytes, gzip, lost } = fileOf(filesByName, partition)
      if (lost !== undefined) throw new DocferryError('DOCFERRY_FILE_MISSING', lost, { collection })
      const filePath = join(path, file)
      const name = join(options.path, file)
      const pagesBehind = async function* (after: Cursor | undefined): AsyncGenerator<Page> {
        const expected = documents === undefined ? undefined : { documents, digest, receipt: await receipt?.(), root }
        const reading: Omit<NdjsonOptions, 'name'> = {
          collection,
          wanted: null,
          after,
          pageSize,
          packing,
          expected,
          onEmpty: inputNotes.empty(name),
          onUnchecked: inputNotes.onUnchecked
        }
        const lent = gzip || !takesLentChunks(packing) ? undefined : packing
        const inPlaces = bytes >= largeBytes ? lent : undefined
        const rest = (): AsyncGenerator<Page> =>
          readRest(filePath, name, after, (chunks, begin) => readNdjson(chunks, { ...reading, ...begin }), { signal, packing: inPlaces })
        if (after !== undefined && !gzip) return yield* rest()
        const chunks = lent && !inPlaces ? readAtOnce(filePath, { bytes, places, signal }) : readWhole(filePath, { signal })
        const input = await openInput(chunks, { name, format: 'ndjson' })
        try {
          if (input.head.hasSections)
            throw new DocferryError(
              'DOCFERRY_CONFIG',
              `${name} is an export of its own, with sections: read it by itself, as in file:${name}`
            )
          if (!inPlaces) return yield* input.read(reading)
        } finally {
          await input.close()
        }
        yield* rest()
      }
      const pages = guarded(name, signal, () => pagesOfSameFile({ path: filePath, name, after: place, collection, signal }, pagesBehind))
      yield* attachedPages(pages, { folder: join(path, attachmentsName), how, signal })
    },
    notes: () => inputNotes.notes(),
    async close() {}
  }
}

/** The collection of a file that names none. */
function stemOf(path: string, format: Format): string {
  const { stem } = formatOfName(path)
  // Which its users call as they like; a database has no dot in its name.
  return format === 'couchbackup' ? stem.replace(/\.(?:txt|backup|bak|dump|couchbackup)$/i, '') : stem
}

async function readSections(input: Input): Promise<ReadonlySet<string>> {
  const names = new Set<string>()
  try {
    for await (const page of input.read({ collection: null, wanted: [], onSection: name => names.add(name) })) void page
    return names
  } finally {
    await input.close()
  }
}

function fileOf(files: ReadonlyMap<unknown, FolderFile>, partition: Partition): FolderFile {
  const file = files.get(partition.range?.file)
  if (file) return file
  throw new DocferryError('DOCFERRY_READ', `${String(partition.range?.file)} is not in the folder any more`, {
    collection: partition.collections[0]
  })
}
