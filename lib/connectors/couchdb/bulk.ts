/** `_bulk_docs`: sends documents, and tells what became of each. */
import { DocferryError } from '../../errors.ts'
import type { WriteFailure } from '../../types.ts'
import type { BufferPool } from '../../kernel/buffer-pool.ts'
import type { Client } from './client.ts'
import { AnswerError, brokenAnswer, gatewayFailure, mayBeApplied, mayBeOfGateway, mayBeOneDocument, writeFailure } from './errors.ts'
import type { Text } from './values.ts'
import { parseText } from '../../values/index.ts'

/** A server that fails so often in a row, and takes nothing in between, does not fail for a single document. */
const failuresInARow = 24

/** A document under way: its place in the caller's batch, and what is sent for it. */
export interface Sending {
  readonly index: number
  /** As CouchDB holds it. */
  readonly id: string
  readonly text: Text
}

export type BulkOutcome = 'written' | WriteFailure

/** Whether the database holds another state of the document than the one that was named, or one at all where none was. */
export function isConflict(outcome: BulkOutcome | undefined): boolean {
  return typeof outcome === 'object' && outcome.code === 'DOCFERRY_CONFLICT'
}

export interface BulkOptions {
  readonly signal?: AbortSignal | undefined
  /** Write something else; throws as writing documents does. Missing: what is forbidden is not isolated. */
  readonly takesWrites?: () => Promise<void>
}

/**
 * What sends documents and fills in their outcomes.
 *
 * CouchDB refuses a whole batch for one document that it can't take, and writes nothing of it. Such a batch is sent again in halves,
 * down to the documents that are refused alone. So is one that a firewall on the way forbids, while the database takes other writes.
 */
export function createBulk(
  client: Client,
  collection: string,
  outcomes: BulkOutcome[],
  { signal, takesWrites }: BulkOptions = {}
): (batch: readonly Sending[]) => Promise<void> {
  const asked = { ...client.asked(`writing to ${collection}`, 'DOCFERRY_TARGET', collection), sendsDocuments: true }
  const path = `/${encodeURIComponent(collection)}/_bulk_docs`
  let failures = 0
  const isOfGateway = gatewayJudge(takesWrites)
  /** Whether the server takes a batch of no documents: one that fails for this too does not fail for a document. */
  const takesNone = async (): Promise<boolean> => {
    try {
      await client.text({ method: 'POST', path, body: `${head}${tail}`, asked, signal })
      return true
    } catch (error) {
      if (error instanceof AnswerError) return error.answer.status < 500
      throw error
    }
  }
  /** @param isInDoubt whether a call that held the documents may have been applied */
  return async function bulk(batch: readonly Sending[], isInDoubt = false): Promise<void> {
    if (batch.length === 0) return
    const { body, release } = bodyOf(batch, client.bodies)
    let text: string
    try {
      text = await client.text({ method: 'POST', path, body, release, asked, signal })
    } catch (error) {
      if (!(error instanceof AnswerError)) throw error
      const isForbidden = await isOfGateway(error)
      signal?.throwIfAborted()
      if (!isForbidden && !mayBeOneDocument(error)) throw error
      const { status, error: name, reason } = error.answer
      const isDoubted = isInDoubt || mayBeApplied(error)
      if (status >= 500 && ++failures >= failuresInARow) throw error
      if (batch.length > 1) {
        const half = batch.length >> 1
        await bulk(batch.slice(0, half), isDoubted)
        return bulk(batch.slice(half), isDoubted)
      }
      const failure = isForbidden ? gatewayFailure(error.answer) : writeFailure(name, reason, status)
      // What is never tried again has to be the document's fault. Of all else, what the server takes of others tells.
      if (status >= 500 && !failure.retryable && !(await takesNone())) throw error
      const { index } = batch[0] as Sending
      outcomes[index] = failure.retryable ? { ...failure, alone: true } : isDoubted ? { ...failure, mayBeApplied: true } : failure
      return
    }
    failures = 0
    if (areAllWritten(text, batch)) {
      for (const { index } of batch) outcomes[index] = 'written'
      return
    }
    const answers = parseAnswers(text)
    if (answers?.length !== batch.length)
      throw brokenAnswer(asked, `says what became of ${answers?.length ?? 0} of ${batch.length} documents`)
    for (const [at, { id, error, reason, ok, rev }] of answers.entries()) {
      const sent = batch[at] as Sending
      if (id !== undefined && id !== sent.id) throw brokenAnswer(asked, 'is in another order than the documents')
      const isWritten = error === undefined && (ok === true || typeof rev === 'string')
      const outcome = isWritten ? 'written' : writeFailure(error, reason)
      // What the document meets may be itself.
      outcomes[sent.index] = isInDoubt && isConflict(outcome) ? { ...(outcome as WriteFailure), mayBeApplied: true } : outcome
    }
  }
}

/** Tells of errors whether other writes are taken while a request is forbidden; asks once. */
export function gatewayJudge(takesWrites: (() => Promise<void>) | undefined): (error: AnswerError) => Promise<boolean> {
  let takesOthers: boolean | undefined
  const ask = async (): Promise<boolean> => {
    try {
      await takesWrites?.()
      return takesWrites !== undefined
    } catch (error) {
      if (error instanceof DocferryError && error.retryable) throw error
      return false
    }
  }
  return async error => mayBeOfGateway(error) && (takesOthers ??= await ask())
}

const head = '{"docs":['
const tail = ']}'
const comma = 0x2c

interface Body {
  readonly body: Text
  readonly release?: () => void
}

function bodyOf(batch: readonly Sending[], pool: BufferPool): Body {
  if (batch.every(({ text }) => typeof text === 'string')) return { body: `${head}${batch.map(({ text }) => text).join(',')}${tail}` }
  const least = batch.reduce((sum, { text }) => sum + (typeof text === 'string' ? Buffer.byteLength(text) : text.length) + 1, 0)
  const buffer = pool.take(least + head.length + tail.length)
  let at = buffer.write(head)
  for (const { text } of batch) {
    if (typeof text === 'string') at += buffer.write(text, at)
    else {
      buffer.set(text, at)
      at += text.length
    }
    buffer[at++] = comma
  }
  // In place of the last comma.
  at += buffer.write(tail, at - 1) - 1
  return { body: buffer.subarray(0, at), release: () => pool.give(buffer) }
}

const revision = /\d{1,9}-[\da-f]{32}"\}/y

/** Whether the answer says of each document in its order, and as CouchDB writes it, that it is written: then nothing of it has to be parsed. */
function areAllWritten(text: string, batch: readonly Sending[]): boolean {
  let at = 0
  const passes = (expected: string): boolean => {
    if (!text.startsWith(expected, at)) return false
    at += expected.length
    return true
  }
  for (const { id } of batch) {
    if (!passes(at === 0 ? '[' : ',') || !passes('{"ok":true,"id":') || !passes(JSON.stringify(id)) || !passes(',"rev":"')) return false
    revision.lastIndex = at
    if (!revision.test(text)) return false
    at = revision.lastIndex
  }
  return text.startsWith(']', at) && text.slice(at + 1).trim() === ''
}

interface BulkAnswer {
  readonly id?: string
  readonly ok?: boolean
  readonly rev?: string
  readonly error?: string
  readonly reason?: string
}

/** @returns `undefined` for what is no whole answer */
function parseAnswers(text: string): readonly BulkAnswer[] | undefined {
  try {
    const answers: unknown = parseText(text)
    return Array.isArray(answers) && answers.every(answer => typeof answer === 'object' && answer !== null) ? answers : undefined
  } catch {
    // Not whole: its length then says so.
    return undefined
  }
}
