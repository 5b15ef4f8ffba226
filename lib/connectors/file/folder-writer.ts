/** Writes a folder: a file for each collection, and a manifest that says what they hold. With items, an export as DynamoDB makes them for each. */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { access, constants, mkdir, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createAtomicFolder, cutBack, exists, inodeOf, isPublished, outputExists, syncFile, syncFolder } from '../../engine/atomic-file.ts'
import type { AtomicFolder } from '../../engine/atomic-file.ts'
import { runParallel } from '../../engine/run-parallel.ts'
import { DocferryError } from '../../errors.ts'
import { openByteSink } from '../../formats/byte-sink.ts'
import type { ByteSink } from '../../formats/byte-sink.ts'
import { manifestName, plainText } from '../../formats/export-text.ts'
import { ExportWriter } from '../../formats/export-writer.ts'
import type { DocumentLine } from '../../formats/document-lines.ts'
import type { SecurityObject, SuspendedOutput, Target } from '../../types.ts'
import { AttachmentStore, attachmentsName, openContents, withContents } from './attachment-store.ts'
import { lineCodec } from './encode.ts'
import type { FileContext, SuspendedFile } from './encode.ts'
import { writeError } from './errors.ts'
import { isExportFolder, manifestText } from './folder.ts'
import { isS3Folder, placeInExport, writeManifests } from './s3-writer.ts'
import type { ManifestEntry } from './folder.ts'
import { checkFileName, fileNameOf, folderLimits } from './limits.ts'
import { isFolder } from './options.ts'
import type { FileOptions, OutputLayout } from './options.ts'
import { placeOf } from './place.ts'
import { exportSecurity } from './security.ts'

/** How many files are made durable at once. */
const syncedAtOnce = 16

/** A collection's file while it is written. */
interface OpenFile {
  readonly file: string
  readonly sink: ByteSink
  readonly writer: ExportWriter
  /** The file takes one batch after another. */
  queue: Promise<void>
  /** Where it stands, and that this is on disk; missing once something was written behind it. */
  stands?: SuspendedFolder['files'][string]
}

/** Where a folder stands that is not finished. */
interface SuspendedFolder extends SuspendedOutput {
  readonly partial: string
  readonly inode: string
  readonly files: Readonly<Record<string, Pick<SuspendedFile, 'bytes' | 'state'>>>
}

export async function openFolderTarget(
  options: FileOptions,
  { path, gzip, items }: OutputLayout,
  { rules, resume, attachments }: FileContext
): Promise<Target<DocumentLine>> {
  const { force = false, provider = 'file' } = options
  const name = options.path
  const suspended = resume as SuspendedFolder | undefined
  const isWhole = suspended !== undefined && (await isPublished(path, suspended))
  if (!isWhole) await checkPlace(path, force)
  const codec = lineCodec(options, rules)
  const holdsAttachments = attachments !== undefined && !items
  const security: Record<string, SecurityObject> = {}
  const files = new Map<string, Promise<OpenFile>>()
  const startedAt = new Date()
  let folder: Promise<AtomicFolder> | undefined
  let isCommitted = isWhole
  let isSuspended = suspended !== undefined
  const contents = new AttachmentStore(async () => openContents(join((await start()).partial, attachmentsName)))
  const start = (): Promise<AtomicFolder> => (folder ??= createAtomicFolder(path, { overwrite: force, resume: suspended }))

  async function openFile(collection: string): Promise<OpenFile> {
    const { partial } = await start()
    const file = items ? placeInExport(collection, gzip) : `${fileNameOf(collection)}.ndjson${gzip ? '.gz' : ''}`
    const place = join(partial, file)
    if (items) await mkdir(dirname(place), { recursive: true })
    const before = suspended?.files[collection]
    // A file that was begun behind the checkpoint is begun again.
    if (before) await cutBack({ partial: place, bytes: before.bytes })
    const way = before ? { flags: 'r+', start: before.bytes } : { flags: suspended ? 'w' : 'wx' }
    const stream = createWriteStream(place, { ...way, highWaterMark: 1 << 20 })
    await once(stream, 'open')
    const sink = openByteSink(stream, { gzip, level: options.level, offset: before?.bytes, forgets: true })
    const writer = new ExportWriter(sink, { text: plainText, provider, mayReopen: true, digests: !items, state: before?.state })
    writer.announce(collection)
    return { file, sink, writer, queue: Promise.resolve(), ...(before && { stands: before }) }
  }

  function fileOf(collection: string): Promise<OpenFile> {
    let file = files.get(collection)
    if (!file) files.set(collection, (file = openFile(collection)))
    return file
  }

  async function finish(): Promise<void> {
    const started = await start()
    const { partial } = started
    const entries: [string, ManifestEntry][] = []
    await runParallel([...files.values()], syncedAtOnce, async opened => {
      const { file, writer } = await opened
      await writer.end()
      await syncFile(join(partial, file))
    })
    for (const [collection, opened] of files) {
      const { file, writer } = await opened
      const { counts, digest, receipt, root } = writer.summary()
      if (items) {
        for (const folder of await writeManifests(partial, { collection, file, items: counts[collection] ?? 0, startedAt }))
          await syncFolder(folder)
        continue
      }
      const sums = { digest: digest[collection], receipt: receipt?.[collection], root: root?.[collection] }
      entries.push([collection, { file, documents: counts[collection] ?? 0, ...sums }])
    }
    await contents.sync()
    const manifest = join(partial, manifestName)
    if (!items) await writeFile(manifest, manifestText(provider, Object.fromEntries(entries), security), { flush: true })
    await started.commit()
  }

  async function discard(): Promise<void> {
    for (const opened of files.values()) (await opened.catch(() => undefined))?.sink.destroy()
    if (isSuspended) return
    await (await folder?.catch(() => undefined))?.discard()
  }

  async function attempt<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw writeError(error, name)
    }
  }

  return {
    location: { provider: 'file', address: path, identity: `file:${await placeOf(path)}` },
    limits: folderLimits,
    checkCollection: checkFileName,
    prepare: (collection, { create }) =>
      attempt(async () => {
        if (create && !isWhole) await fileOf(collection)
        return { created: true, empty: true }
      }),
    ...codec,
    encode: (collection, document, onConversion) => {
      const encoded = codec.encode(collection, document, onConversion)
      return holdsAttachments ? withContents(encoded, document) : encoded
    },
    holdsAttachments,
    holdsRepeats: true,
    ...(!items && { security: exportSecurity((collection, given) => Promise.resolve(void (security[collection] = given))) }),
    write: (collection, documents, { signal }) =>
      attempt(async () => {
        signal?.throwIfAborted()
        const file = await fileOf(collection)
        const write = async (lines: readonly DocumentLine[]): Promise<void> => {
          delete file.stands
          const written = file.queue.then(() => file.writer.write(collection, lines))
          file.queue = written.catch(() => undefined)
          await written
        }
        return await contents.keepAll(documents, signal, write)
      }),
    ...(!items &&
      !holdsAttachments && {
        writePacked: (collection, packed, { signal } = {}) =>
          attempt(async () => {
            signal?.throwIfAborted()
            const file = await fileOf(collection)
            delete file.stands
            const written = file.queue.then(() => file.writer.writePacked(collection, packed))
            file.queue = written.catch(() => undefined)
            await written
          })
      }),
    get: () => Promise.resolve(null),
    suspend: () =>
      attempt(async (): Promise<SuspendedFolder | undefined> => {
        if (isCommitted) return isWhole ? suspended : undefined
        const { partial } = await start()
        await contents.sync()
        const stands: Record<string, SuspendedFolder['files'][string]> = {}
        await runParallel([...files], syncedAtOnce, async ([collection, opening]) => {
          const opened = await opening
          if (!opened.stands) {
            const stands = await opened.writer.suspend()
            await syncFile(join(partial, opened.file))
            opened.stands = stands
          }
          stands[collection] = opened.stands
        })
        isSuspended = true
        return { partial, inode: await inodeOf(partial), files: stands }
      }),
    commit: ({ signal }) =>
      attempt(async () => {
        signal?.throwIfAborted()
        if (isWhole) return
        await finish()
        isCommitted = true
      }),
    async close() {
      if (!isCommitted) await attempt(discard)
    }
  }
}

async function checkPlace(path: string, force: boolean): Promise<void> {
  await access(dirname(path), constants.W_OK)
  if (!(await exists(path))) return
  if (!isFolder(path)) throw outputExists(path)
  if ((await readdir(path)).length === 0) return
  if (!force) throw outputExists(path)
  if (!(await isExportFolder(path)) && !(await isS3Folder(path))) {
    throw new DocferryError(
      'DOCFERRY_OUTPUT_EXISTS',
      `${path} holds other files than an export, and is not replaced even by force: choose another folder`
    )
  }
}
