/** Writes a folder: a file for each collection, and a manifest that says what they hold. With items, an export as DynamoDB makes them for each. */
import { access, constants, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createAtomicFolder, exists, inodeOf, isPublished, outputExists, outputTaken, syncFolder } from '../../engine/atomic-file.ts'
import type { AtomicFolder } from '../../engine/atomic-file.ts'
import { byteChunks } from '../../engine/byte-chunks.ts'
import { standOf } from '../../engine/output-stand.ts'
import { realPath } from '../../engine/real-path.ts'
import { DocferryError } from '../../errors.ts'
import { manifestName } from '../../formats/export-text.ts'
import type { DocumentLine } from '../../formats/document-lines.ts'
import type { OutputStand, SecurityObject, SuspendedOutput, Target } from '../../types.ts'
import { AttachmentStore, attachmentsName, openContents, withContents } from './attachment-store.ts'
import { lineCodec } from './encode.ts'
import type { FileContext } from './encode.ts'
import { writeError } from './errors.ts'
import { isExportFolder } from './folder.ts'
import { manifestPieces } from './manifest.ts'
import { isS3Folder, placeInExport, writeManifests } from './s3-writer.ts'
import type { ManifestEntry } from './manifest.ts'
import { FolderFiles } from './folder-files.ts'
import type { StandingFile } from './folder-files.ts'
import { checkFileName, fileNameOf, folderLimits } from './limits.ts'
import { isFolder } from './options.ts'
import type { FileOptions, OutputLayout } from './options.ts'
import { exportSecurity } from './security.ts'

/** Where a folder stands that is not finished. */
interface SuspendedFolder extends SuspendedOutput {
  readonly partial: string
  readonly inode: string
  readonly files: Readonly<Record<string, StandingFile>>
}

export async function openFolderTarget(
  options: FileOptions,
  { path, gzip, items }: OutputLayout,
  { rules, resume, run, attachments }: FileContext
): Promise<Target<DocumentLine>> {
  const { force = false, provider = 'file' } = options
  const name = options.path
  const suspended = resume as SuspendedFolder | undefined
  const isWhole = suspended !== undefined && (await isPublished(path, suspended))
  if (!isWhole) await checkPlace(path, { force, isBegun: suspended !== undefined })
  const codec = lineCodec(options, rules)
  const holdsAttachments = attachments !== undefined && !items
  const security: Record<string, SecurityObject> = {}
  const startedAt = new Date()
  let folder: Promise<AtomicFolder> | undefined
  let isCommitted = isWhole
  let isSuspended = suspended !== undefined
  const contents = new AttachmentStore(async () => openContents(join((await start()).partial, attachmentsName)))
  const start = (): Promise<AtomicFolder> => (folder ??= createAtomicFolder(path, { overwrite: force, resume: suspended, run }))

  const files = new FolderFiles({
    folder: async () => (await start()).partial,
    nameOf: collection => (items ? placeInExport(collection, gzip) : `${fileNameOf(collection)}.ndjson${gzip ? '.gz' : ''}`),
    gzip,
    level: options.level,
    provider,
    digests: !items,
    suspended: suspended?.files
  })

  async function finish(): Promise<void> {
    const started = await start()
    const { partial } = started
    await files.end()
    await contents.sync()
    if (items) await writeAllManifests(partial)
    else await writeManifest(join(partial, manifestName))
    await started.commit()
  }

  async function writeAllManifests(partial: string): Promise<void> {
    for (const [file, { name: collection, count: items }] of files.stated())
      for (const folder of await writeManifests(partial, { collection, file, items, startedAt })) await syncFolder(folder)
  }

  async function writeManifest(place: string): Promise<void> {
    const pieces = manifestPieces(provider, files.collections, entriesOf(files), security)
    await writeFile(place, byteChunks(pieces), { flush: true })
  }

  async function discard(): Promise<void> {
    await files.destroy()
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
    location: { provider: 'file', address: path, identity: `file:${realPath(path)}` },
    limits: folderLimits,
    checkCollection: checkFileName,
    prepare: (collection, { create }) =>
      attempt(async () => {
        if (create && !isWhole) await files.make(collection)
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
        return await contents.keepAll(documents, signal, lines => files.write(collection, writer => writer.write(collection, lines)))
      }),
    ...(!items &&
      !holdsAttachments && {
        writePacked: (collection, packed, { signal } = {}) =>
          attempt(async () => {
            signal?.throwIfAborted()
            await files.write(collection, writer => writer.writePacked(collection, packed))
          })
      }),
    get: () => Promise.resolve(null),
    suspend: () =>
      attempt(async (): Promise<OutputStand | undefined> => {
        if (isCommitted) return isWhole ? standOf(suspended, ['files']) : undefined
        const { partial } = await start()
        await contents.sync()
        const parts = { files: await files.suspend() }
        isSuspended = true
        return { stands: { partial, inode: await inodeOf(partial) }, parts }
      }),
    abandon: () => void (isSuspended = false),
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

function* entriesOf(files: FolderFiles): Generator<readonly [string, ManifestEntry], void, undefined> {
  for (const [file, { name, count, digest, sums }] of files.stated())
    yield [name, { file, documents: count, digest: digest?.(), receipt: sums?.base64(), root: sums?.root() }]
}

async function checkPlace(path: string, { force, isBegun }: { readonly force: boolean; readonly isBegun: boolean }): Promise<void> {
  await access(dirname(path), constants.W_OK)
  if (!(await exists(path)) || (isFolder(path) && (await readdir(path)).length === 0)) return
  const other = await whatElse(path)
  if (force && other === undefined) return
  if (isBegun) throw outputTaken(path)
  if (other === undefined) throw outputExists(path)
  throw new DocferryError('DOCFERRY_OUTPUT_EXISTS', `${path} ${other}, and is not replaced even by force: choose another folder`)
}

/** @returns undefined of an export, which may be replaced as a whole */
async function whatElse(path: string): Promise<string | undefined> {
  if (!isFolder(path)) return 'exists already and is no folder'
  return (await isExportFolder(path)) || (await isS3Folder(path)) ? undefined : 'holds other files than an export'
}
