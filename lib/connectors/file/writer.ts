/** Writes a single file, or standard output. */
import { constants, createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Writable } from 'node:stream'
import { createAtomicFile, inodeOf, isPublished, modeOf, outputExists, outputTaken } from '../../engine/atomic-file.ts'
import type { AtomicFile } from '../../engine/atomic-file.ts'
import { access, stat } from '../../engine/near-files.ts'
import { standOf } from '../../engine/output-stand.ts'
import { realPath } from '../../engine/real-path.ts'
import { DocferryError } from '../../errors.ts'
import { openByteSink } from '../../formats/byte-sink.ts'
import type { ByteSink } from '../../formats/byte-sink.ts'
import { jsonText, plainText, sectionedText } from '../../formats/export-text.ts'
import { ExportBooks } from '../../formats/export-books.ts'
import { ExportWriter } from '../../formats/export-writer.ts'
import type { DocumentLine } from '../../formats/document-lines.ts'
import { defaultRules } from '../../types.ts'
import type { OpenContext, OutputStand, Target } from '../../types.ts'
import {
  AttachmentStore,
  attachmentsBeside,
  attachmentsName,
  checkContentsPlace,
  openContents,
  publishContents,
  withContents
} from './attachment-store.ts'
import { exportStateOf, lineCodec } from './encode.ts'
import type { FileContext, SuspendedFile } from './encode.ts'
import { writeError } from './errors.ts'
import { openFolderTarget } from './folder-writer.ts'
import { checkName, fileLimits } from './limits.ts'
import { writePipe } from './named-pipe.ts'
import { outputLayout, standardStreams } from './options.ts'
import type { FileOptions, OutputLayout } from './options.ts'
import { exportSecurity } from './security.ts'
import { readOnlyTarget } from './read-only.ts'

/**
 * Nothing is created before the first `prepare`, and an output gets its name only in `commit`.
 *
 * A file that is being written can't be asked what it holds. Every document is written, also a second one with the same id, whatever
 * `onConflict` says: so none is lost, and reading the file applies that rule.
 *
 * @throws {DocferryError} DOCFERRY_OUTPUT_EXISTS, DOCFERRY_CONFIG, DOCFERRY_TARGET
 */
export async function openFileTarget(
  options: FileOptions,
  { from, rules = defaultRules, resume, run, readOnly, attachments }: OpenContext
): Promise<Target<DocumentLine>> {
  if (readOnly) return readOnlyTarget(options, rules)
  const layout = outputLayout(options)
  try {
    const named = { provider: from, ...options }
    if (layout.format === 'folder') return await openFolderTarget(named, layout, { rules, resume, run, attachments })
    const isWhole = resume !== undefined && (await isPublished(layout.path, resume as SuspendedFile))
    const mayBeThere = isWhole || (options.force ?? false)
    const special = layout.path === standardStreams || (await isSpecial(layout, { mayBeThere, isBegun: resume !== undefined }))
    if (!special) await access(dirname(layout.path), constants.W_OK)
    return await singleTarget(named, layout, { special, isWhole }, { rules, resume, run, attachments })
  } catch (error) {
    throw writeError(error, options.path)
  }
}

async function singleTarget(
  options: FileOptions,
  layout: OutputLayout,
  { special, isWhole }: { readonly special: boolean; readonly isWhole: boolean },
  { rules, resume, run, attachments }: FileContext
): Promise<Target<DocumentLine>> {
  const { documentsOnly = false, provider = 'file', force = false } = options
  const { path, format } = layout
  const isStandard = path === standardStreams
  const name = isStandard ? 'standard output' : options.path
  const holdsOne = documentsOnly || layout.items
  const text = holdsOne ? plainText : format === 'json' ? jsonText : sectionedText
  const prepared = new Set<string>()
  let file: AtomicFile | undefined
  let sink: ByteSink | undefined
  let started: Promise<ExportWriter> | undefined
  let isCommitted = isWhole
  const place = attachmentsBeside(path)
  const holdsAttachments = attachments !== undefined && !special && !layout.items
  const codec = lineCodec(options, rules)
  if (holdsAttachments && !resume) await checkContentsPlace(place, force)
  /** Of the contents, while the file is written. */
  const partialContents = (): string => `${file!.partial}.${attachmentsName}`
  const mode = force ? await modeOf(path) : undefined
  const contents = new AttachmentStore(async () => {
    await start()
    return openContents(partialContents(), folderModeOf(mode))
  }, mode)

  /** Collections are prepared at the same time: whoever comes first makes the one file. */
  const start = (signal?: AbortSignal): Promise<ExportWriter> => (started ??= open(signal))
  const suspended = resume as SuspendedFile | undefined
  let isSuspended = suspended !== undefined

  async function open(signal?: AbortSignal): Promise<ExportWriter> {
    if (!special) file = await createAtomicFile(path, { overwrite: force, resume: suspended, run })
    const stream = file?.stream ?? (isStandard ? (options.stdout ?? process.stdout) : await openSpecial(path, signal))
    sink = openByteSink(stream, {
      gzip: layout.gzip,
      level: options.level,
      keepOpen: isStandard,
      offset: suspended?.bytes,
      forgets: !isStandard
    })
    return new ExportWriter(sink, {
      text,
      provider,
      mayReopen: format !== 'json',
      digests: text === sectionedText,
      books: suspended && ExportBooks.from(exportStateOf(suspended))
    })
  }

  function checkTogether(collections: readonly string[]): void {
    if (!holdsOne || collections.length < 2) return
    const what = documentsOnly ? 'documents only' : 'a file of DynamoDB JSON'
    const instead = documentsOnly ? 'leave documents only away' : 'write a folder, as in export/'
    throw new DocferryError(
      'DOCFERRY_CONFIG',
      `${name}: ${what} can hold one collection, and these are ${collections.join(', ')}: choose one, or ${instead}`
    )
  }

  async function attempt<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw writeError(error, name)
    }
  }

  return {
    location: {
      provider: 'file',
      address: isStandard ? name : path,
      identity: isStandard ? 'file:stdout' : `file:${realPath(path)}`
    },
    limits: fileLimits,
    checkCollection: checkName,
    checkTogether,
    prepare: (collection, { create, mayMoreCome, signal }) =>
      attempt(async () => {
        prepared.add(collection)
        checkTogether([...prepared])
        if (create && !isWhole) (await start(signal)).announce(collection, mayMoreCome)
        return { created: true, empty: true }
      }),
    ...codec,
    encode: (collection, document, onConversion) => {
      const encoded = codec.encode(collection, document, onConversion)
      return holdsAttachments ? withContents(encoded, document) : encoded
    },
    holdsAttachments,
    holdsRepeats: true,
    ...(text !== plainText && {
      security: exportSecurity(async (collection, security) => {
        if (!isWhole) (await start()).setSecurity(collection, security)
      })
    }),
    write: (collection, documents, { signal }) =>
      attempt(async () => {
        signal?.throwIfAborted()
        const started = await start(signal)
        return await contents.keepAll(documents, signal, lines => started.write(collection, lines))
      }),
    ...(!layout.items &&
      !holdsAttachments && {
        writePacked: (collection, packed, { signal } = {}) =>
          attempt(async () => {
            signal?.throwIfAborted()
            await (await start()).writePacked(collection, packed)
          })
      }),
    get: () => Promise.resolve(null),
    // What has gone down a pipe can't be cut back.
    ...(!special && {
      suspend: () =>
        attempt(async (): Promise<OutputStand | undefined> => {
          if (isCommitted) return isWhole ? standOf(suspended!, ['collections']) : undefined
          const { books, bytes } = await (await start()).suspend()
          const { partial } = file!
          await contents.sync()
          await file!.sync()
          isSuspended = true
          return { stands: { partial, inode: await inodeOf(partial), bytes, state: books.head }, parts: { collections: books.parts() } }
        }),
      abandon: () => void (isSuspended = false)
    }),
    commit: ({ signal }) =>
      attempt(async () => {
        signal?.throwIfAborted()
        if (isWhole) return
        await (await start()).end()
        await contents.sync()
        const clear = holdsAttachments && file ? await publishContents(partialContents(), place, force && !resume) : undefined
        await file?.commit()
        isCommitted = true
        await clear?.()
      }),
    async close() {
      if (isCommitted) return
      sink?.destroy()
      if (!file) return
      if (isSuspended) return await file.leave()
      if (holdsAttachments) await rm(partialContents(), { recursive: true, force: true })
      await attempt(async () => file?.discard())
    }
  }
}

/** Whoever may read the files may list them. */
function folderModeOf(mode: number | undefined): number | undefined {
  return mode === undefined ? undefined : mode | ((mode & 0o444) >> 2)
}

async function openSpecial(path: string, signal: AbortSignal | undefined): Promise<Writable> {
  const stats = await stat(path)
  return stats.isFIFO() ? await writePipe(path, signal) : createWriteStream(path, { flags: 'r+' })
}

/** A device or a named pipe is written into: it has no place that a finished file could take. */
async function isSpecial(
  { path }: OutputLayout,
  { mayBeThere, isBegun }: { readonly mayBeThere: boolean; readonly isBegun: boolean }
): Promise<boolean> {
  const stats = await stat(path).catch((error: { code?: unknown }) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (!stats) return false
  if (!stats.isFile()) return true
  if (!mayBeThere) throw isBegun ? outputTaken(path) : outputExists(path)
  return false
}
