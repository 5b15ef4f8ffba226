/**
 * Attachments: bytes that belong to a document of CouchDB and are too large to travel in it. A document has them in its field `_attachments`, by
 * name: plain maps of what tells the bytes, which also know how to open them.
 */
import { DocferryError } from '../errors.ts'
import { isMap } from './kinds.ts'
import type { ValueMap } from './kinds.ts'
import type { Document } from './types.ts'

/** The bytes, as they were before anybody compressed them. Each call reads from the beginning; throws what reading them fails with. */
export type OpenAttachment = (options: { readonly signal?: AbortSignal | undefined }) => AsyncIterable<Uint8Array>

export interface AttachmentDetails {
  readonly contentType: string
  /** Bytes. */
  readonly length: number
  /** `sha256-` and 64 hexadecimal digits where somebody has read them; otherwise as the place itself tells it. */
  readonly digest: string
}

export interface NamedAttachment extends AttachmentDetails {
  readonly name: string
  /** Missing where only the description has come so far: from dead letters, or a stage has put it together anew. */
  readonly open: OpenAttachment | undefined
}

const field = '_attachments'

/** Why a document can't be written of which an attachment has no opener. */
export const bytesMissing =
  'only a description of its attachments has come, and not their bytes, which are read from the source itself: run the migration again instead (what is there is skipped)'

/** No name of a field, so that nobody who writes, compares or prints the map sees it, and enumerable, so that it is copied with it. */
export const attachmentOpener = Symbol('docferry.attachment')

interface Opening {
  readonly [attachmentOpener]?: OpenAttachment
}

export function openerOf(map: ValueMap): OpenAttachment | undefined {
  return (map as Opening)[attachmentOpener]
}

export function makeAttachment({ contentType, length, digest }: AttachmentDetails, open: OpenAttachment | undefined): ValueMap {
  const map: ValueMap = { content_type: contentType, length, digest }
  return open ? Object.assign(map, { [attachmentOpener]: open }) : map
}

/** What a document has attached. @throws {DocferryError} DOCFERRY_BAD_VALUE where the field holds something else */
export function attachmentsOf(document: Document): readonly NamedAttachment[] {
  const given = document[field]
  if (given === undefined) return []
  if (!isMap(given)) throw unreadable('is no object')
  return Object.entries(given).map(([name, value]) => {
    const { content_type: contentType, length, digest } = isMap(value) ? value : {}
    if (typeof contentType !== 'string' || typeof digest !== 'string' || !(Number.isSafeInteger(length) && (length as number) >= 0))
      throw unreadable(`does not tell type, length and digest of ${JSON.stringify(name)}`)
    return { name, contentType, length: length as number, digest, open: openerOf(value as ValueMap) }
  })
}

export function hasAttachments(document: Document): boolean {
  const given = document[field]
  return isMap(given) && Object.keys(given).length > 0
}

export function sumOfAttachments(attachments: readonly AttachmentDetails[]): { readonly count: number; readonly bytes: number } {
  return { count: attachments.length, bytes: attachments.reduce((sum, { length }) => sum + length, 0) }
}

/** The same document with these; without any, it has no such field. */
export function withAttachments(document: Document, attachments: readonly NamedAttachment[]): Document {
  const { [field]: _before, ...rest } = document
  if (attachments.length === 0) return rest
  return { ...rest, [field]: Object.fromEntries(attachments.map(each => [each.name, makeAttachment(each, each.open)])) }
}

function unreadable(why: string): DocferryError {
  return new DocferryError('DOCFERRY_BAD_VALUE', `_attachments ${why}`)
}
