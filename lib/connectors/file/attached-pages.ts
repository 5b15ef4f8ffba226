/** Documents of an export with the attachments that are kept beside it. */
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { checkedOpener, measureBytes } from '../../engine/attachment-bytes.ts'
import { DocferryError } from '../../errors.ts'
import type { Document, OpenContext, Page, RejectDetails } from '../../types.ts'
import { attachmentsOf, hasAttachments, stringifyJson, withAttachments } from '../../values/index.ts'
import type { NamedAttachment } from '../../values/index.ts'
import { contentName } from './attachment-store.ts'

export interface AttachedOptions {
  /** Where the contents are. */
  readonly folder: string
  /** `checked`: each is read to its end, so that one that is missing or was changed is found before its document is written anywhere. */
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
        documents.push(hasAttachments(document) ? await attach(document, { folder, how, signal }) : document)
        digests.push(page.digests?.[index])
      } catch (error) {
        signal?.throwIfAborted()
        if (!(error instanceof DocferryError)) throw error
        rejects.push({
          code: error.code,
          message: error.message,
          where: `id ${document._id}`,
          id: document._id,
          raw: stringifyJson(document)
        })
      }
    }
    yield { ...page, documents, ...(page.digests && { digests }), rejects }
  }
}

async function attach(document: Document, { folder, how, signal }: AttachedOptions): Promise<Document> {
  const found: NamedAttachment[] = []
  for (const attachment of attachmentsOf(document)) {
    const { name, digest, length } = attachment
    const content = contentName(digest)
    const what = `the attachment ${JSON.stringify(name)}`
    if (content === undefined) {
      // Described by a database, and not kept: whoever is to write it says that its bytes are missing.
      found.push(attachment)
      continue
    }
    const place = join(folder, content)
    const open = checkedOpener(({ signal: within }) => readFile(place, what, within), { length, digest }, what)
    if (how === 'checked') await measureBytes(open({ signal }))
    found.push({ ...attachment, open })
  }
  return withAttachments(document, found)
}

async function* readFile(place: string, what: string, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(place, { signal, highWaterMark: 256 << 10 }) as AsyncIterable<Uint8Array>
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error
    throw new DocferryError('DOCFERRY_FILE_CUT', `${what} is missing: there is no ${place}; copy or export it again`)
  }
}
