/** What CouchDB's answers mean: the only place that reads its status codes and error names. */
import { connectionCuts } from '../../engine/first-calls.ts'
import { DocferryError } from '../../errors.ts'
import type { DocferryErrorOptions, ErrorCode } from '../../errors.ts'
import type { WriteFailure } from '../../types.ts'

/** An answer that is not 2xx. */
export interface BadAnswer {
  readonly status: number
  /** CouchDB's own name for it: `illegal_docid`. */
  readonly error?: string
  readonly reason?: string
  readonly retryAfterMs?: number
  /** Where a redirect points to: another server's address, or a path of the same. */
  readonly redirect?: string
}

/** What was asked, for messages: `reading agents`, and of whom: `http://127.0.0.1:5984 as admin`. */
export interface Asked {
  readonly what: string
  readonly address: string
  readonly collection?: string
  /** Without a user. */
  readonly anonymous: boolean
  /** Whether documents are sent, which a reason could quote. */
  readonly sendsDocuments?: boolean
  /** The code where CouchDB understood the request and refuses it: it depends on the end. */
  readonly refused: 'DOCFERRY_READ' | 'DOCFERRY_TARGET' | 'DOCFERRY_CONNECT' | 'DOCFERRY_REPLICATION'
}

/** A refusal of a whole request, as an error that remembers the answer. */
export class AnswerError extends DocferryError {
  readonly answer: BadAnswer
  constructor(code: ErrorCode, message: string, answer: BadAnswer, options: DocferryErrorOptions) {
    super(code, message, options)
    this.answer = answer
  }
}

/** Undefined for what the server does not let us see, or does not know. A server that does not answer is an error. */
export async function whatIsTold<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof AnswerError) return undefined
    throw error
  }
}

interface Meaning {
  readonly code?: ErrorCode
  readonly retryable?: boolean
  readonly advice?: string
}

const overloaded: Meaning = {
  code: 'DOCFERRY_CONNECT',
  retryable: true,
  advice: 'the server is overloaded; try later, or with less at once'
}
const broken: Meaning = { code: 'DOCFERRY_CONNECT', retryable: true, advice: "see the server's log" }
const unreachable: Meaning = { code: 'DOCFERRY_CONNECT', retryable: true, advice: 'is the server up?' }

/** https://docs.couchdb.org/en/stable/api/basics.html#http-status-codes, and what proxies before it answer. */
const meanings: Readonly<Record<number, Meaning>> = {
  401: { code: 'DOCFERRY_AUTH', advice: 'check the user name and the password' },
  403: { code: 'DOCFERRY_PERMISSION', advice: 'check what this user may do' },
  404: { advice: 'was the database deleted?' },
  407: { code: 'DOCFERRY_AUTH', advice: 'a proxy on the way wants credentials of its own' },
  408: unreachable,
  413: { advice: 'the request is larger than the server takes (max_http_request_size)' },
  425: overloaded,
  429: { ...overloaded, code: 'DOCFERRY_THROTTLED' },
  500: broken,
  502: unreachable,
  503: overloaded,
  504: unreachable,
  507: { code: 'DOCFERRY_TARGET', advice: "the server's disk is full" }
}

/** @returns the error for a request that was refused as a whole */
export function answerError(answer: BadAnswer, asked: Asked): AnswerError {
  const { what, address, collection, refused } = asked
  const { code = refused, retryable = false, advice } = meaningOf(answer, asked)
  const message = `${what} failed: ${address} answered ${said(answer, asked)}${advice ? `; ${advice}` : ''}`
  return new AnswerError(code, message, answer, { provider: 'couchdb', collection, retryable, retryAfterMs: answer.retryAfterMs })
}

/** Whether the root of a server was refused as no CouchDB refuses its own: it welcomes everybody, or wants a user. */
export function isStranger(error: unknown): boolean {
  return error instanceof AnswerError && [400, 404, 405, 406, 415].includes(error.answer.status)
}

const isLocked = /\baccount is temporarily locked\b/i

function meaningOf({ status, reason = '', redirect, retryAfterMs }: BadAnswer, { anonymous }: Asked): Meaning {
  if (redirect?.startsWith('/'))
    return {
      code: 'DOCFERRY_CONNECT',
      advice: `it points to ${redirect} of the same server: does a gateway before CouchDB want a login, or does the address lack a path?`
    }
  if (redirect !== undefined) return { code: 'DOCFERRY_CONNECT', advice: `use ${redirect} as the address` }
  if (status === 401 && anonymous)
    return {
      code: 'DOCFERRY_AUTH',
      advice:
        'it wants a user: couchdb://user:password@host, or COUCHDB_USER and COUCHDB_PASSWORD (they are for the host in COUCHDB_URL only)'
    }
  // A user whom CouchDB knows gets a 401 too where only an admin may do it.
  if (status === 401 && /not a server admin|not authorized|not allowed/i.test(reason)) return meanings[403] as Meaning
  if (status === 403 && isLocked.test(reason)) return { code: 'DOCFERRY_AUTH', advice: 'too many wrong passwords: wait some minutes' }
  // A server that says when to come back is there, and asks for less.
  if (meanings[status] === overloaded && retryAfterMs !== undefined) return { ...overloaded, code: 'DOCFERRY_THROTTLED' }
  return meanings[status] ?? (status >= 500 ? broken : {})
}

/** Longer reasons may hold what was sent: Erlang's terms, the request's body. */
const longestReason = 200
const longestCause = 1_000

function said(answer: BadAnswer, asked: Asked): string {
  const told = reasonToTell(answer, asked)
  return [String(answer.status), answer.error, told && `(${told})`].filter(Boolean).join(' ')
}

/** Undefined where it may be about what was sent. */
function reasonToTell({ status, reason = '' }: BadAnswer, { sendsDocuments = false }: Asked): string | undefined {
  if (status >= 500 || reason.length > longestReason) return undefined
  if (!sendsDocuments) return reason
  // Of what somebody else answers that stands before CouchDB, what is quoted may be quoted of a document.
  return status === 400 || status === 422 ? undefined : reason.split(/["`{[<]/, 1)[0]!.trim()
}

/** CouchDB's name for an error; undefined for what is none: where its code breaks, terms with what was sent in them stand there. */
export function errorName(error: unknown): string | undefined {
  return typeof error === 'string' && /^\w{1,64}$/.test(error) ? error : undefined
}

const certificateCodes = /^(?:CERT_|ERR_TLS|ERR_SSL|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_)/

/** What went wrong below HTTP: no connection, no answer in time, an answer that broke off. */
export function networkError(error: unknown, asked: Asked): DocferryError {
  const cause = innermost(error)
  const detail = cause.code && !cause.message.includes(cause.code) ? `${cause.message} (${cause.code})` : cause.message || cause.code
  const certificate = certificateCodes.test(cause.code ?? '')
  const advice = certificate
    ? 'if the certificate is yours, name its authority in NODE_EXTRA_CA_CERTS'
    : 'is the server up, and is this its address?'
  return new DocferryError('DOCFERRY_CONNECT', `${asked.what} failed: no answer from ${asked.address}: ${detail}; ${advice}`, {
    provider: 'couchdb',
    collection: asked.collection,
    cause,
    retryable: !certificate
  })
}

/** Whether a connection was never made, or nothing came over it in time; one that was cut was made. */
export function isUnreached({ cause }: DocferryError): boolean {
  return cause instanceof Error && !connectionCuts.has((cause as NodeJS.ErrnoException).code ?? '')
}

/** What happened may be in its cause, or in the first of several: of a host with several addresses each is tried. */
function innermost(error: unknown): { message: string; code?: string } {
  let found = error
  for (;;) {
    const { cause, errors } = found as { cause?: unknown; errors?: unknown[] }
    const next = cause ?? errors?.[0]
    if (!(next instanceof Error)) return found instanceof Error ? found : { message: String(found) }
    found = next
  }
}

/** An answer with status 2xx that is not whole, or not what CouchDB answers. */
export function brokenAnswer(asked: Asked, how: string): DocferryError {
  return new DocferryError('DOCFERRY_CONNECT', `${asked.what} failed: the answer of ${asked.address} ${how}`, {
    provider: 'couchdb',
    collection: asked.collection,
    retryable: true
  })
}

/** How CouchDB refused one document, or a batch that is down to one. */
interface RowMeaning {
  readonly code: ErrorCode
  readonly message: string
  readonly retryable?: boolean
}

const refusals: Readonly<Record<string, RowMeaning>> = {
  conflict: { code: 'DOCFERRY_CONFLICT', message: 'the database holds a document of this id' },
  // PouchDB, where a document that is to be changed has been removed; CouchDB says conflict.
  not_found: { code: 'DOCFERRY_CONFLICT', message: 'the database does not hold this document any more' },
  illegal_docid: { code: 'DOCFERRY_BAD_ID', message: 'CouchDB refuses this id' },
  illegal_partition: { code: 'DOCFERRY_BAD_ID', message: 'CouchDB refuses this id' },
  doc_validation: { code: 'DOCFERRY_BAD_FIELD', message: 'CouchDB refuses a top-level field that starts with an underscore' },
  missing_stub: { code: 'DOCFERRY_BAD_FIELD', message: 'CouchDB refuses an attachment that it does not hold' },
  invalid_design_doc: { code: 'DOCFERRY_REFUSED', message: 'CouchDB refuses this design document' },
  compilation_error: { code: 'DOCFERRY_REFUSED', message: 'CouchDB cannot compile a function of this design document' },
  document_too_large: { code: 'DOCFERRY_TOO_LARGE', message: "larger than the server's max_document_size" },
  too_large: { code: 'DOCFERRY_TOO_LARGE', message: 'larger than the server takes' },
  bad_request: { code: 'DOCFERRY_BAD_VALUE', message: 'CouchDB cannot read this document' },
  forbidden: { code: 'DOCFERRY_REFUSED', message: 'a validation function of the database forbids this document' },
  unauthorized: { code: 'DOCFERRY_REFUSED', message: 'a validation function of the database does not let this user write this document' }
}

/** A right that the user lacks is told by the same names as what a validation function thinks. */
export const noAdminReason = 'You are not a db or server admin.'
const noAdmin: RowMeaning = {
  code: 'DOCFERRY_REFUSED',
  message: 'only an admin of the database (or of the server) may write design documents, and this user is none'
}

/** Names of a refusal whose reason says what is wrong, and quotes names of fields at most. */
const tellingReasons = new Set(['illegal_docid', 'illegal_partition', 'invalid_design_doc'])

/** What the server's code trips over, it will trip over again. */
const erlangErrors = /^(?:function_clause|badarg|badmatch|case_clause|if_clause|badarith)$/

/**
 * A reason that may quote the document (a validation function's own words, a compiler's) is the cause of a refusal: it goes where the document
 * itself goes, among the dead letters.
 *
 * @param status the status of the answer in which the document stood alone, if it was refused as a whole
 */
export function writeFailure(given: string | undefined, reason: string | undefined, status?: number): WriteFailure {
  const error = status === 413 ? 'document_too_large' : errorName(given)
  const cause = reasonOf(error, reason)
  const known = Object.hasOwn(refusals, error ?? '') ? refusals[error as string] : undefined
  const meaning = known && reason === noAdminReason ? noAdmin : known
  if (!meaning) {
    const name = [status, error].filter(Boolean).join(' ') || 'no reason given'
    const retryable = !erlangErrors.test(error ?? '') && (status === undefined || status >= 500)
    const message = `CouchDB could not write this document: ${name}`
    return { code: 'DOCFERRY_REFUSED', message, retryable, ...(cause && { cause }) }
  }
  const told = tellingReasons.has(error as string) && reason && reason.length <= longestReason ? `: ${reason}` : ''
  const failure = { code: meaning.code, message: meaning.message + told, retryable: meaning.retryable ?? false }
  return told === '' && cause ? { ...failure, cause } : failure
}

function reasonOf(name: string | undefined, reason: string | undefined): Error | undefined {
  if (!reason) return undefined
  const cause = new Error(reason.slice(0, longestCause))
  cause.name = name ?? 'Error'
  return cause
}

/**
 * Whether a refusal of a whole batch may be due to a single document in it: then the others of the batch can be written.
 * 400: an id, a field, a value; 412: an attachment; 413: size; 500: what the server's code trips over.
 */
export function mayBeOneDocument({ answer }: AnswerError): boolean {
  return [400, 412, 413, 422, 500].includes(answer.status)
}

/**
 * Whether a refused request may have been applied all the same: the server has failed, or the words are not CouchDB's. Who stands before it may look into
 * answers, and refuse what CouchDB has done.
 */
export function mayBeApplied({ answer: { status, error } }: AnswerError): boolean {
  return status >= 500 || error === undefined || gatewayRefusals.has(status)
}

/** What is forbidden, and what firewalls answer that look into requests. */
const gatewayRefusals: ReadonlySet<number> = new Set([403, 406, 451])

/**
 * Whether a refusal of a whole request may not be CouchDB's own, which forbids all or nothing: where the database takes other writes at that time, it may be due
 * to a single document.
 */
export function mayBeOfGateway({ answer: { status, reason } }: AnswerError): boolean {
  return gatewayRefusals.has(status) && !isOfUser(reason)
}

/** Whether CouchDB refuses the user, whatever is asked. */
export function isOfUser(reason = ''): boolean {
  return /access this db|incorrect|server admin/i.test(reason) || isLocked.test(reason)
}

/** One document is refused so. It is tried again: a right may have been taken, and given back meanwhile. */
export function gatewayFailure({ status, error, reason }: BadAnswer): WriteFailure {
  const cause = reasonOf(error, reason)
  const name = [status, error].filter(Boolean).join(' ')
  const message = `refused with ${name}, while other writes are taken: does a firewall stand before CouchDB?`
  return { code: 'DOCFERRY_REFUSED', message, retryable: true, alone: true, ...(cause && { cause }) }
}
