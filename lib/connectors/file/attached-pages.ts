/** Documents of files with their attachments: those that an export keeps beside it, and those that stand in the document as base64. */
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { checkedOpener, measureBytes } from '../../engine/attachment-bytes.ts'
import { DocferryError } from '../../errors.ts'
import type { Document, OpenContext, Page, RejectDetails } from '../../types.ts'
import { attachmentsOf, hasAttachments, isMap, makeAttachment, stringifyDeep, withAttachments } from '../../values/index.ts'
import type { NamedAttachment, Value } from '../../values/index.ts'
import { contentName } from './attachment-store.ts'

export interface AttachedOptions {
  /** Where the contents are. */
  readonly folder: string
  /** Also with `described`, each is read to its end: one that is missing or was changed is found before its document is written anywhere. */
  readonly how: OpenContext['attachments']
  readonly signal?: AbortSignal | undefined
}

export async function* attachedPages(pages: AsyncIterable<Page>, { folder, how, signal }: AttachedOptions): AsyncGenerator<Page> {
  if (how === undefined) return yield* pages
  for await (const page of pages) {
    if (!page.documents.some(hasAttachments)) {
      yield page
      continue
    }
    const documents: Document[] = []
    const digests: NonNullable<Page['digests']>[number][] = []
    const rejects: RejectDetails[] = [...(page.rejects ?? [])]
    for (const [index, document] of page.documents.entries()) {
      try {
        documents.push(hasAttachments(document) ? await attach(document, { folder, signal }) : document)
        digests.push(page.digests?.[index])
      } catch (error) {
        signal?.throwIfAborted()
        if (!(error instanceof DocferryError)) throw error
        rejects.push({
          code: error.code,
          message: error.message,
          where: `id ${document._id}`,
          id: document._id,
          documentsBefore: documents.length,
          raw: stringifyDeep(document)
        })
      }
    }
    yield { ...page, documents, ...(page.digests && { digests }), rejects }
  }
}

async function attach(document: Document, { folder, signal }: Pick<AttachedOptions, 'folder' | 'signal'>): Promise<Document> {
  const found: NamedAttachment[] = []
  for (const attachment of attachmentsOf(await withInline(document))) {
    const { name, digest, length, open: inline } = attachment
    const what = `the attachment ${JSON.stringify(name)}`
    if (inline) {
      found.push(attachment)
      continue
    }
    const content = contentName(digest)
    if (content === undefined)
      throw new DocferryError(
        'DOCFERRY_ATTACHMENT',
        `${what} is only described here, and its bytes are not in the input: take an export or backup that was made with its attachments`
      )
    const place = join(folder, content)
    const open = checkedOpener(({ signal: within }) => readFile(place, what, within), { length, digest }, what)
    await measureBytes(open({ signal }))
    found.push({ ...attachment, open })
  }
  return withAttachments(document, found)
}

/** The same with attachments that open in place of those that stand in the document as CouchDB gives them: their bytes as base64, in `data`. */
async function withInline(document: Document): Promise<Document> {
  const given = document['_attachments']
  if (!isMap(given)) return document
  const attachments: [string, Value][] = []
  for (const [name, value] of Object.entries(given)) {
    const { data, content_type: contentType = 'application/octet-stream' } = isMap(value) ? value : {}
    if (typeof data !== 'string' || typeof contentType !== 'string') {
      attachments.push([name, value])
      continue
    }
    if (!isBase64(data))
      throw new DocferryError('DOCFERRY_ATTACHMENT', `the attachment ${JSON.stringify(name)} is no base64: the input was changed, or cut`)
    const open = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from(data, 'base64')
    }
    attachments.push([name, makeAttachment({ contentType, ...(await measureBytes(open())) }, open)])
  }
  return { ...document, _attachments: Object.fromEntries(attachments) }
}

/** Buffer.from passes over what it can't decode. */
function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text)
}

async function* readFile(place: string, what: string, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(place, { signal, highWaterMark: 256 << 10 }) as AsyncIterable<Uint8Array>
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error
    throw new DocferryError('DOCFERRY_ATTACHMENT', `${what} is missing: there is no ${place}; copy or export it again`)
  }
}
