/** Attachments as CouchDB lists them with a document, and how their bytes are read. */
import { checkedOpener, measureBytes } from '../../engine/attachment-bytes.ts'
import { withRetry } from '../../engine/retry.ts'
import type { RetryOptions } from '../../engine/retry.ts'
import { runParallel } from '../../engine/run-parallel.ts'
import { DocferryError } from '../../errors.ts'
import type { Document, OpenContext } from '../../types.ts'
import { isMap, withAttachments } from '../../values/index.ts'
import type { NamedAttachment, OpenAttachment, ValueMap } from '../../values/index.ts'
import type { Client } from './client.ts'
import { AnswerError } from './errors.ts'
import { namelessAttachment } from './multipart-answer.ts'

/** Requests for the attachments of one page at a time. */
const openedAtOnce = 4
const attempts = 5

export interface Described {
  readonly document: Document
  /** Why an attachment can't be read: then the document is as it was. */
  readonly error?: DocferryError
}

/** @returns bytes of all attachments that a document lists */
export function listedBytes(document: Document): number {
  return stubsOf(document).reduce((sum, [, { length }]) => sum + (typeof length === 'number' ? length : 0), 0)
}

/**
 * Documents with their attachments as `makeAttachment` makes them, in place of what the database lists.
 *
 * @param documents as they are read, with `_id` (CouchDB's own) and `_rev`
 * @param how `checked`: each is read to its end, for its digest
 */
export async function describeAttachments(
  client: Client,
  collection: string,
  documents: readonly Document[],
  how: NonNullable<OpenContext['attachments']>,
  retry: RetryOptions = {}
): Promise<readonly Described[]> {
  const described: Described[] = documents.map(document => ({ document }))
  const wanted = documents.flatMap((document, index) => (stubsOf(document).length > 0 ? [index] : []))
  await runParallel(wanted, openedAtOnce, async index => {
    const document = documents[index]!
    try {
      const found: NamedAttachment[] = []
      for (const [name, stub] of stubsOf(document)) found.push(await describe(client, { collection, document, name, stub }, how, retry))
      described[index] = { document: withAttachments(document, found) }
    } catch (error) {
      retry.signal?.throwIfAborted()
      // Trouble of the server's is never laid upon a document.
      if (!(error instanceof DocferryError) || error.retryable || /AUTH|PERMISSION/.test(error.code)) throw error
      described[index] = { document, error }
    }
  })
  return described
}

interface Listed {
  readonly collection: string
  readonly document: Document
  readonly name: string
  readonly stub: ValueMap
}

async function describe(
  client: Client,
  listed: Listed,
  how: NonNullable<OpenContext['attachments']>,
  retry: RetryOptions
): Promise<NamedAttachment> {
  const { name, stub } = listed
  const { content_type: contentType, length, digest } = stub
  const what = `the attachment ${JSON.stringify(name)}`
  if (typeof contentType !== 'string' || typeof length !== 'number' || typeof digest !== 'string')
    throw new DocferryError('DOCFERRY_READ', `${what} is listed without its type, length or digest`, { provider: 'couchdb' })
  const details = { contentType, length, digest }
  const open = checkedOpener(openerFor(client, listed, what), details, what)
  if (how === 'described') return { name, ...details, open }
  const measured = await withRetry(() => measureBytes(open({ signal: retry.signal })), { attempts, ...retry })
  const checked = { contentType, ...measured }
  return { name, ...checked, open: checkedOpener(openerFor(client, listed, what), checked, what) }
}

function openerFor(client: Client, { collection, document, name, stub }: Listed, what: string): OpenAttachment {
  const { _id: id, _rev: revision } = document
  const rev = typeof revision === 'string' ? `rev=${encodeURIComponent(revision)}` : ''
  const path = documentPath(collection, id)
  const asked = client.asked(`reading ${what} of ${collection}`, 'DOCFERRY_READ', collection)
  return async function* ({ signal }) {
    const request = { method: 'GET', asked, signal } as const
    try {
      if (name !== '') yield* client.chunks({ ...request, path: `${path}/${encodeURIComponent(name)}${rev && `?${rev}`}` })
      else {
        const whole = client.chunks({ ...request, path: `${path}?attachments=true${rev && `&${rev}`}`, accept: 'multipart/related' })
        yield* namelessAttachment(whole, String(stub['digest']), what)
      }
    } catch (error) {
      if (!(error instanceof AnswerError) || error.answer.status !== 404) throw error
      throw new DocferryError('DOCFERRY_READ', `${what} is gone: the document was changed or deleted while it was read; run again`, {
        provider: 'couchdb',
        collection
      })
    }
  }
}

/** Where a document is. The slash behind `_design` stays one. */
export function documentPath(collection: string, id: string): string {
  const design = '_design/'
  const name = id.startsWith(design) ? `${design}${encodeURIComponent(id.slice(design.length))}` : encodeURIComponent(id)
  return `/${encodeURIComponent(collection)}/${name}`
}

/** What CouchDB lists of a document's attachments, by name. */
export function stubsOf(document: Document): readonly (readonly [string, ValueMap])[] {
  const given = document['_attachments']
  return isMap(given) ? Object.entries(given).flatMap(([name, stub]) => (isMap(stub) ? [[name, stub] as const] : [])) : []
}
