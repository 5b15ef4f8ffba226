/** Attachments beside the documents of an export: one file for each content, named by its SHA-256, so that the same bytes are kept once. */
import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { lstat, readdir, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { outputExists, syncFile, syncFolder } from '../../engine/atomic-file.ts'
import { isOwnDigest } from '../../engine/attachment-bytes.ts'
import { makeFolder } from '../../engine/make-folder.ts'
import { DocferryError } from '../../errors.ts'
import { formatOfName } from '../../formats/open-input.ts'
import type { Encoded, Refusal, WriteFailure, WriteOutcome } from '../../types.ts'
import { attachmentsOf, bytesMissing, sumOfAttachments } from '../../values/index.ts'
import type { NamedAttachment } from '../../values/index.ts'
import type { Document } from '../../types.ts'

/** In a folder of an export. */
export const attachmentsName = 'attachments'

/** Beside a single file: `backup.attachments` of `backup.ndjson.gz`. */
export function attachmentsBeside(path: string): string {
  return join(dirname(path), `${formatOfName(path).stem}.${attachmentsName}`)
}

/** The name of the file with an attachment's bytes; undefined where its digest does not tell them. */
export function contentName(digest: string): string | undefined {
  return isOwnDigest(digest) ? digest.slice('sha256-'.length) : undefined
}

const contentForm = /^[0-9a-f]{64}$/
const partialForm = /^[0-9a-f]{64}\.partial-[0-9a-f]+$/

/** Whether a folder holds attachments of an export and nothing else. */
export async function holdsOnlyContents(folder: string): Promise<boolean> {
  return (await readdir(folder)).every(name => contentForm.test(name) || partialForm.test(name))
}

/** A document's line, and what is to be kept beside it. */
export interface EncodedAttached<Payload> extends Encoded<Payload> {
  readonly attachments?: readonly NamedAttachment[]
}

/** The attachments of a document that has been encoded. */
export function withContents<Payload>(encoded: Encoded<Payload> | Refusal, document: Document): EncodedAttached<Payload> | Refusal {
  if ('code' in encoded || document['_attachments'] === undefined) return encoded
  const refuse = (message: string): Refusal => ({ code: 'DOCFERRY_BAD_VALUE', message, path: '_attachments' })
  try {
    const attachments = attachmentsOf(document)
    if (attachments.some(({ open }) => open === undefined)) return refuse(bytesMissing)
    const attached = sumOfAttachments(attachments)
    return { ...encoded, bytes: encoded.bytes + attached.bytes, ...(attached.count > 0 && { attached }), attachments }
  } catch (error) {
    if (error instanceof DocferryError) return refuse(error.message)
    throw error
  }
}

export class AttachmentStore {
  readonly #mode: number | undefined
  readonly #place: () => Promise<string>
  #folder: Promise<string> | undefined
  /** Files that are not known to be on disk. */
  #unsynced: string[] = []

  /**
   * @param place makes the folder that they go into; asked when the first one comes
   * @param mode of the files; default: as the process makes files
   */
  constructor(place: () => Promise<string>, mode?: number) {
    this.#place = place
    this.#mode = mode
  }

  /**
   * Keep the attachments of each document, then write those documents of which all could be kept.
   *
   * @returns one outcome per document, by index
   */
  async keepAll<Payload>(
    documents: readonly EncodedAttached<Payload>[],
    signal: AbortSignal | undefined,
    write: (kept: readonly Payload[]) => Promise<void>
  ): Promise<readonly WriteOutcome[]> {
    if (documents.every(({ attachments }) => attachments === undefined)) {
      await write(documents.map(({ payload }) => payload))
      return documents.map(() => 'written')
    }
    const outcomes: WriteOutcome[] = []
    for (const { attachments = [] } of documents) outcomes.push(await this.#keep(attachments, signal))
    await write(documents.flatMap(({ payload }, index) => (outcomes[index] === 'written' ? [payload] : [])))
    return outcomes
  }

  /** Make durable what was kept so far. */
  async sync(): Promise<void> {
    const files = this.#unsynced.splice(0)
    for (const file of files) await syncFile(file)
    if (files.length > 0) await syncFolder(await this.#folder!)
  }

  async #keep(attachments: readonly NamedAttachment[], signal: AbortSignal | undefined): Promise<'written' | WriteFailure> {
    for (const { name, digest, open } of attachments) {
      const content = contentName(digest)
      if (content === undefined || !open)
        throw new DocferryError('DOCFERRY_BUG', `the attachment ${JSON.stringify(name)} has no digest or no bytes`)
      try {
        await this.#put(content, open({ signal }), signal)
      } catch (error) {
        signal?.throwIfAborted()
        if (!(error instanceof DocferryError)) throw error
        return {
          code: error.code === 'DOCFERRY_ATTACHMENT' ? error.code : 'DOCFERRY_READ',
          message: error.message,
          retryable: error.retryable
        }
      }
    }
    return 'written'
  }

  /** @param bytes that fail in place of their end where they are not what the content's name says */
  async #put(content: string, bytes: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): Promise<void> {
    const folder = await (this.#folder ??= this.#place())
    const place = join(folder, content)
    if (await isThere(place)) return
    const partial = `${place}.partial-${randomBytes(6).toString('hex')}`
    try {
      await pipeline(bytes, createWriteStream(partial, { flags: 'wx', mode: this.#mode ?? 0o666 }), { signal })
      await rename(partial, place)
    } catch (error) {
      await rm(partial, { force: true })
      throw error
    }
    this.#unsynced.push(place)
  }
}

/** Make the folder, or take up what was left in it: contents that were cut off in the middle go. */
export async function openContents(folder: string, mode?: number): Promise<string> {
  await makeFolder(folder, mode)
  for (const name of await readdir(folder)) if (partialForm.test(name)) await rm(join(folder, name), { force: true })
  return folder
}

/** @throws {DocferryError} DOCFERRY_OUTPUT_EXISTS where the attachments of a single file can't take their place */
export async function checkContentsPlace(folder: string, force: boolean): Promise<void> {
  if (!(await isThere(folder))) return
  const names = await readdir(folder)
  if (names.length === 0) return
  if (!(await holdsOnlyContents(folder)))
    throw new DocferryError(
      'DOCFERRY_OUTPUT_EXISTS',
      `${folder} holds other files than attachments, and is not replaced even by force: choose another name`
    )
  if (!force) throw outputExists(folder)
}

/**
 * Put attachments where a single file will look for them. An export that stands there still has its own: at every moment, each of the two
 * finds all of its contents.
 *
 * @param replaces whether `partial` has all that the new file needs, and what else is there was of one that it replaces. A run that goes on
 * may have put some in their place before.
 * @returns what removes, once the new file stands in its place, the contents that it does not need
 */
export async function publishContents(partial: string, place: string, replaces: boolean): Promise<() => Promise<void>> {
  const names = (await isThere(partial)) ? (await readdir(partial)).filter(name => contentForm.test(name)) : []
  if (names.length > 0) {
    await makeFolder(place, (await lstat(partial)).mode & 0o777)
    for (const name of names) await rename(join(partial, name), join(place, name))
    await syncFolder(place)
    await syncFolder(dirname(place))
  }
  return async () => {
    await rm(partial, { recursive: true, force: true })
    if (!replaces || !(await isThere(place))) return
    const needed = new Set(names)
    for (const name of await readdir(place)) if (!needed.has(name)) await rm(join(place, name), { force: true })
    if (names.length === 0) await rmdir(place)
  }
}

async function isThere(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    (error: { code?: unknown }) => {
      if (error.code === 'ENOENT') return false
      throw error
    }
  )
}
