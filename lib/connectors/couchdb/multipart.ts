/** A document and its attachments in one request: the database takes all of it, or nothing. */
import { randomBytes } from 'node:crypto'
import { DocferryError } from '../../errors.ts'
import type { NamedAttachment } from '../../values/index.ts'
import { documentPath } from './attachments.ts'
import type { BulkOutcome, Sending } from './bulk.ts'
import type { Client } from './client.ts'
import { AnswerError, isOfUser, mayBeApplied, mayBeOneDocument, noAdminReason, writeFailure } from './errors.ts'

/** Of a document that was asked for with its attachments: as they are to be, all of them. */
export interface SendingWhole extends Sending {
  readonly attachments: readonly NamedAttachment[]
}

/**
 * `PUT` as `multipart/related`, the attachments streamed from where they are: https://docs.couchdb.org/en/stable/api/document/common.html#creating-multiple-attachments
 *
 * @param revision of the document that it replaces
 * @throws {DocferryError} where nothing can be said about the document
 */
export async function putWhole(
  client: Client,
  collection: string,
  { id, text, attachments }: SendingWhole,
  revision: string | undefined,
  signal?: AbortSignal
): Promise<BulkOutcome> {
  const asked = { ...client.asked(`writing to ${collection}`, 'DOCFERRY_TARGET', collection), sendsDocuments: true }
  const parts = partsOf(text.toString(), attachments, revision)
  const source: { failure?: unknown } = {}
  try {
    const body = bodyOf(parts, attachments, source, signal)
    await client.upload({ path: documentPath(collection, id), type: parts.type, length: parts.length, body, asked, signal })
    return 'written'
  } catch (error) {
    signal?.throwIfAborted()
    const { failure } = source
    if (failure instanceof DocferryError)
      return {
        code: failure.code === 'DOCFERRY_ATTACHMENT' ? failure.code : 'DOCFERRY_READ',
        message: failure.message,
        retryable: failure.retryable
      }
    if (failure !== undefined) throw failure
    if (!(error instanceof AnswerError)) throw error
    const { status, error: name, reason } = error.answer
    if (status === 409) return writeFailure('conflict', reason)
    if (!mayBeOneDocument(error) && !isJudged(error)) throw error
    const refused = writeFailure(name, reason, status)
    return mayBeApplied(error) && !refused.retryable ? { ...refused, mayBeApplied: true } : refused
  }
}

/** By a validation function of the database, or as a design document that only an admin may write: in a bulk write, such a word stands beside the document. */
function isJudged({ answer: { status, error, reason } }: AnswerError): boolean {
  const isOfServer = reason !== noAdminReason && isOfUser(reason)
  return !isOfServer && ((status === 403 && error === 'forbidden') || (status === 401 && error === 'unauthorized'))
}

interface Parts {
  readonly type: string
  /** Bytes of the whole body. */
  readonly length: number
  readonly head: Buffer
  /** Before each attachment's bytes. */
  readonly between: Buffer
  readonly end: Buffer
}

function partsOf(text: string, attachments: readonly NamedAttachment[], revision: string | undefined): Parts {
  const boundary = `docferry-${randomBytes(18).toString('hex')}`
  const follow = attachments.map(({ name, contentType, length }) => [name, { follows: true, content_type: contentType, length }] as const)
  const stubs = follow.map(([name, stub]) => `${JSON.stringify(name)}:${JSON.stringify(stub)}`).join(',')
  const rev = revision === undefined ? '' : `"_rev":${JSON.stringify(revision)},`
  const json = `{${rev}"_attachments":{${stubs}},${text.slice(1)}`
  const head = Buffer.from(`--${boundary}\r\nContent-Type: application/json\r\n\r\n${json}`)
  const between = Buffer.from(`\r\n--${boundary}\r\n\r\n`)
  const end = Buffer.from(`\r\n--${boundary}--`)
  const bytes = attachments.reduce((sum, { length }) => sum + between.length + length, 0)
  return { type: `multipart/related; boundary="${boundary}"`, length: head.length + bytes + end.length, head, between, end }
}

/** Where an attachment does not come to its end as it should, its last bytes are not sent: the database then keeps nothing of the document. */
async function* bodyOf(
  { head, between, end }: Parts,
  attachments: readonly NamedAttachment[],
  source: { failure?: unknown },
  signal: AbortSignal | undefined
): AsyncGenerator<Uint8Array> {
  yield head
  for (const { name, open } of attachments) {
    yield between
    try {
      if (!open) throw new DocferryError('DOCFERRY_BUG', `the attachment ${JSON.stringify(name)} has no bytes`)
      for await (const chunk of open({ signal })) yield chunk
    } catch (error) {
      source.failure = error
      throw error
    }
  }
  yield end
}
