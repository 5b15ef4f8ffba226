/** Reads a file or a folder of files. */
import { createReadStream } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { DocferryError } from '../../errors.ts'
import { manifestName } from '../../formats/export-text.ts'
import { offsetOf, readNdjson, shorterThanBefore } from '../../formats/ndjson.ts'
import type { NdjsonOptions } from '../../formats/ndjson.ts'
import { formatOfName, openInput } from '../../formats/open-input.ts'
import type { Input } from '../../formats/open-input.ts'
import { readSummary } from '../../formats/tail.ts'
import type { CollectionInfo, Cursor, OpenContext, Page, Partition, Source } from '../../types.ts'
import { readError } from './errors.ts'
import { listFolder } from './folder.ts'
import type { Folder, FolderFile } from './folder.ts'
import { standardStreams } from './options.ts'
import type { FileOptions } from './options.ts'
import { guarded, isOfFirestore, openStreamSource } from './stream-reader.ts'

const readChunkBytes = 256 << 10

export async function openFileSource(options: FileOptions, context: OpenContext): Promise<Source> {
  if (options.path === standardStreams) return openStreamSource(options, 'standard input', options.stdin ?? process.stdin)
  try {
    const path = await realpath(options.path)
    const stats = await stat(path)
    if (stats.isDirectory()) {
      if (options.format === undefined || options.format === 'folder')
        return folderSource(path, options, await listFolder(path, context.logger))
      throw new DocferryError('DOCFERRY_CONFIG', `${options.path}: it is a folder, and ${options.format} is one file: name a file in it`)
    }
    if (options.format === 'folder') throw new DocferryError('DOCFERRY_CONFIG', `${options.path}: it is a file, and no folder`)
    // A pipe or a terminal with a name can be read once, like standard input.
    if (!stats.isFile()) return openStreamSource(options, options.path, createReadStream(path, { highWaterMark: readChunkBytes }))
    return singleSource(path, options, stats.size)
  } catch (error) {
    throw readError(error, options.path)
  }
}

function location(path: string): Source['location'] {
  return { provider: 'file', address: path, identity: `file:${path}` }
}

/** A file that can be opened as often as needed. */
function singleSource(path: string, options: FileOptions, size: number): Source {
  const format = options.format === 'folder' ? undefined : options.format
  const name = options.path
  const plainName = options.collection ?? formatOfName(path).stem
  const openWhole = (signal?: AbortSignal): Promise<Input> => openInput(openBytes(path, { signal }), { name, format })
  let found: Promise<readonly CollectionInfo[]> | undefined

  async function findCollections(signal?: AbortSignal): Promise<readonly CollectionInfo[]> {
    const input = await openWhole(signal)
    try {
      const bytes = input.gzip ? undefined : size
      if (!input.head.hasSections) return [{ name: plainName, bytes }]
      const summary = input.head.format === 'ndjson' ? await readSummary(path, { size, gzip: input.gzip }) : undefined
      const listed = input.head.metadata?.collections
      const names = listed || summary ? new Set([...(listed ?? []), ...Object.keys(summary?.counts ?? {})]) : await readSections(input)
      const counts = new Map(Object.entries(summary?.counts ?? {}))
      return [...names].map(each => ({ name: each, documents: counts.get(each), bytes: names.size === 1 ? bytes : undefined }))
    } finally {
      await input.close()
    }
  }

  return {
    location: location(path),
    uniqueIds: false,
    async holdsSubcollections({ signal }) {
      try {
        const input = await openWhole(signal)
        await input.close()
        return isOfFirestore(input.head)
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
    async partitions(collections, { signal }) {
      const names = collections ?? (await this.collections({ signal }))?.map(each => each.name) ?? []
      return [{ id: basename(path), collections: names, range: { all: collections === null } }]
    },
    async *read(partition, { after, signal, pageSize }) {
      yield* guarded(name, signal, async function* () {
        const input = await openWhole(signal)
        const { head } = input
        const reading: Omit<NdjsonOptions, 'name'> = {
          collection: head.hasSections ? null : plainName,
          wanted: partition.range?.all === true ? null : partition.collections,
          after,
          pageSize
        }
        if (after === undefined || input.gzip || head.format === 'json') return yield* input.read(reading)
        await input.close()
        yield* readRest(path, name, after, { ...reading, listed: head.metadata?.collections }, signal)
      })
    },
    async close() {}
  }
}

/** Go on in a file whose bytes can be reached without reading those before them. */
async function* readRest(
  path: string,
  name: string,
  after: Cursor,
  reading: Omit<NdjsonOptions, 'name'>,
  signal?: AbortSignal
): AsyncGenerator<Page> {
  const start = offsetOf(after)
  if ((await stat(path)).size < start) throw shorterThanBefore(name)
  yield* readNdjson(openBytes(path, { start, signal }), { ...reading, name, startsAt: start })
}

function folderSource(path: string, options: FileOptions, { files, others, hasManifest, provider }: Folder): Source {
  return {
    location: location(path),
    uniqueIds: false,
    unread: others,
    holdsSubcollections: () => Promise.resolve(provider === 'firestore'),
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
      const wanted = files.filter(({ collection }) => collections === null || collections.includes(collection))
      return Promise.resolve(wanted.map(({ collection, file }) => ({ id: collection, collections: [collection], range: { file } })))
    },
    async *read(partition, { after, signal, pageSize }) {
      const { collection, documents, digest, receipt, root, file, gzip, lost } = fileOf(files, partition)
      if (lost !== undefined) throw new DocferryError('DOCFERRY_FILE_CUT', lost, { collection })
      const filePath = join(path, file)
      const name = join(options.path, file)
      yield* guarded(name, signal, async function* () {
        const expected = documents === undefined ? undefined : { documents, digest, receipt, root }
        const reading: Omit<NdjsonOptions, 'name'> = { collection, wanted: null, after, pageSize, expected }
        if (after !== undefined && !gzip) return yield* readRest(filePath, name, after, reading, signal)
        const input = await openInput(openBytes(filePath, { signal }), { name, format: 'ndjson' })
        if (input.head.hasSections) {
          await input.close()
          throw new DocferryError(
            'DOCFERRY_CONFIG',
            `${name} is an export of its own, with sections: read it by itself, as in file:${name}`
          )
        }
        yield* input.read(reading)
      })
    },
    async close() {}
  }
}

function openBytes(path: string, { start, signal }: { readonly start?: number; readonly signal?: AbortSignal }): AsyncIterable<Buffer> {
  return createReadStream(path, { start, signal, highWaterMark: readChunkBytes })
}

async function readSections(input: Input): Promise<ReadonlySet<string>> {
  const names = new Set<string>()
  for await (const page of input.read({ collection: null, wanted: [], onSection: name => names.add(name) })) void page
  return names
}

function fileOf(files: readonly FolderFile[], partition: Partition): FolderFile {
  const file = files.find(each => each.file === partition.range?.file)
  if (file) return file
  throw new DocferryError('DOCFERRY_READ', `${String(partition.range?.file)} is not in the folder any more`, {
    collection: partition.collections[0]
  })
}
