/** What the SDK and the service throw, translated once. No message holds a document, a credential, or a vendor's text, which may. */
import { connectionCuts } from '../../engine/first-calls.ts'
import { DocferryError } from '../../errors.ts'
import type { DocferryErrorOptions, ErrorCode } from '../../errors.ts'
import type { WriteFailure } from '../../types.ts'
import { maxContainers, maxItemBytes } from '../../formats/dynamodb/limits.ts'
import { formatCount } from '../../values/format-count.ts'

/** Where an error happened. */
export interface CallContext {
  /** `Scan`, `BatchWriteItem`. */
  readonly operation: string
  /** `us-east-1 at http://127.0.0.1:8000`, for people. */
  readonly address: string
  readonly collection?: string
  /** Whether the table is read from or written to: the same trouble has another code. */
  readonly writing?: boolean
}

/** Why one item of a cancelled transaction was refused: `None`, `ConditionalCheckFailed`, `TransactionConflict`, ... */
export interface CancellationReason {
  readonly Code?: string
  readonly Message?: string
}

interface VendorError {
  readonly name?: string
  readonly message?: string
  readonly code?: unknown
  readonly cause?: unknown
  readonly errors?: readonly unknown[]
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string }
  readonly $response?: { readonly statusCode?: number; readonly headers?: Readonly<Record<string, string>> }
  readonly CancellationReasons?: readonly CancellationReason[]
}

const throttlings = new Set([
  'ThrottlingException',
  'Throttling',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'LimitExceededException',
  'TransactionInProgressException',
  'TransactionConflictException',
  'ReplicatedWriteConflictException'
])

const credentialTroubles = new Set([
  'UnrecognizedClientException',
  'InvalidSignatureException',
  'SignatureDoesNotMatch',
  'ExpiredTokenException',
  'ExpiredToken',
  'InvalidClientTokenId',
  'IncompleteSignature',
  'IncompleteSignatureException',
  'MissingAuthenticationToken',
  'MissingAuthenticationTokenException',
  'CredentialsProviderError',
  'TokenProviderError',
  'ProviderError'
])

/** The time of a request is not the server's. */
const clockTroubles: ReadonlySet<string> = new Set(['RequestExpired', 'RequestTimeTooSkewed', 'RequestInTheFuture'])

const timeouts: ReadonlySet<string> = new Set(['TimeoutError', 'RequestTimeout', 'RequestTimeoutException'])

const networkTroubles: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ETIMEDOUT: 'no answer in time',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the name server did not answer',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ENETDOWN: 'the network is down',
  EADDRNOTAVAIL: 'no free local port'
}

/** Of a translated error: whether a connection was never made, or nothing came over it in time, or the credentials are refused. */
export function isUnreached({ code, cause }: DocferryError): boolean {
  if (code === 'DOCFERRY_AUTH') return true
  const { name = '', code: network } = (cause ?? {}) as VendorError
  return timeouts.has(name) || (typeof network === 'string' && !connectionCuts.has(network))
}

/** Whether it was refused in words that are none of the service's: those have the name of an exception. */
export function isUnknownAnswer(error: unknown, { code }: DocferryError): boolean {
  const { name = '' } = (error ?? {}) as VendorError
  return code === 'DOCFERRY_READ' && /^Unknown(?:Error)?$/.test(name)
}

/** A vendor error in docferry's terms. */
export function translate(error: unknown, context: CallContext): DocferryError {
  if (error instanceof DocferryError) return error
  const vendor = (typeof error === 'object' && error !== null ? error : {}) as VendorError
  const name = vendor.name ?? 'Error'
  const { operation, address, collection, writing = false } = context
  const status = vendor.$metadata?.httpStatusCode ?? vendor.$response?.statusCode
  const make = (code: ErrorCode, message: string, more: Pick<DocferryErrorOptions, 'retryable' | 'retryAfterMs' | 'cause'> = {}) =>
    new DocferryError(code, message, { provider: 'dynamodb', collection, cause: causeOf(vendor), ...more })

  if (throttlings.has(name) || status === 429) {
    return make('DOCFERRY_THROTTLED', `DynamoDB (${address}) asks for less: ${name} in ${operation}`, {
      retryable: true,
      retryAfterMs: retryAfterMs(vendor)
    })
  }
  if (credentialTroubles.has(name) || clockTroubles.has(name)) {
    // The SDK has learned the server's time from this very answer, so that the next call is signed rightly.
    const clock = clockTroubles.has(name) || /signature (?:expired|not yet current)/i.test(vendor.message ?? '')
    if (clock)
      return make('DOCFERRY_AUTH', `DynamoDB (${address}) refuses the time of a request (${name}): the clock of this machine is wrong`, {
        retryable: true
      })
    const hint = 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE or ?profile=name, and renew what has expired'
    return make('DOCFERRY_AUTH', `DynamoDB (${address}): no credentials, or they were refused (${name}): ${hint}`)
  }
  if (name === 'AccessDeniedException' || status === 403) {
    const action = /perform: (\w+:\w+)/.exec(vendor.message ?? '')?.[1] ?? `dynamodb:${operation}`
    return make(
      'DOCFERRY_PERMISSION',
      `DynamoDB (${address}) does not permit ${action}${onTable(collection)}: allow it in the policy of these credentials`
    )
  }
  if (name === 'ResourceNotFoundException') {
    return make(
      writing ? 'DOCFERRY_TARGET' : 'DOCFERRY_NO_SUCH_COLLECTION',
      `DynamoDB (${address}) has no table ${collection ?? ''}: is the region right?`
    )
  }
  const network = networkCode(error)
  if (network !== undefined) {
    return make(
      'DOCFERRY_CONNECT',
      `DynamoDB (${address}) cannot be reached: ${networkTroubles[network] ?? network}. Is the endpoint right, and the server up?`,
      {
        retryable: network in networkTroubles,
        cause: Object.assign(causeOf(vendor), { code: network })
      }
    )
  }
  if (timeouts.has(name)) {
    return make('DOCFERRY_CONNECT', `DynamoDB (${address}) did not answer ${operation} in time`, { retryable: true })
  }
  // An error without a name of its own: the answer broke off before it said what is wrong.
  const isCut = error instanceof Error && name === 'Error'
  if (error instanceof SyntaxError || isCut || (status !== undefined && status >= 500)) {
    const what = error instanceof SyntaxError ? "an answer that is not DynamoDB's" : isCut ? 'an answer that broke off' : name
    return make(
      'DOCFERRY_CONNECT',
      `DynamoDB (${address}) failed in ${operation}: ${what}${status === undefined ? '' : ` (HTTP ${status})`}`,
      {
        retryable: true,
        retryAfterMs: retryAfterMs(vendor)
      }
    )
  }
  const what = describeRefusal(vendor) ?? name
  return make(writing ? 'DOCFERRY_TARGET' : 'DOCFERRY_READ', `DynamoDB (${address}) refused ${operation}${onTable(collection)}: ${what}`)
}

function onTable(collection: string | undefined): string {
  return collection === undefined ? '' : ` on table ${collection}`
}

/** Name, status and request id: enough for AWS support. The vendor's own error also holds the request, with its signature and contents. */
function causeOf({ name, code, $metadata }: VendorError): Error {
  const details = [
    typeof code === 'string' ? code : '',
    $metadata?.httpStatusCode === undefined ? '' : `HTTP ${$metadata.httpStatusCode}`,
    $metadata?.requestId === undefined ? '' : `request ${$metadata.requestId}`
  ].filter(detail => detail !== '')
  const cause = new Error(details.join(', ') || 'no details')
  cause.name = name ?? 'Error'
  return cause
}

function retryAfterMs({ $response }: VendorError): number | undefined {
  const seconds = Number($response?.headers?.['retry-after'])
  return Number.isFinite(seconds) ? seconds * 1000 : undefined
}

/** The code of a network or TLS error, also of one inside. */
function networkCode(error: unknown): string | undefined {
  const { code, cause, errors, $metadata } = (typeof error === 'object' && error !== null ? error : {}) as VendorError
  if (typeof code === 'string' && $metadata?.httpStatusCode === undefined) {
    if (code in networkTroubles || /^(?:ERR_TLS|ERR_SSL|CERT_|EPROTO|HPE_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO)/.test(code)) return code
  }
  for (const inner of errors ?? []) {
    const found = networkCode(inner)
    if (found !== undefined) return found
  }
  return cause === undefined ? undefined : networkCode(cause)
}

/** Whether a translated error says that the table does not exist. */
export function isMissingTable(error: unknown): boolean {
  return error instanceof DocferryError && (error.cause as Error | undefined)?.name === 'ResourceNotFoundException'
}

/** Whether the service refused a call for what is in it, so that a smaller one may tell which document. */
export function isRefusal(error: unknown): boolean {
  const { name } = (typeof error === 'object' && error !== null ? error : {}) as VendorError
  return (
    name === 'ValidationException' ||
    name === 'ItemCollectionSizeLimitExceededException' ||
    name === 'SerializationException' ||
    isRefusedOnTheWay(error)
  )
}

/** The service has an exception for what is too large: this is somebody's who stands before it, and may have let it through. */
export function isRefusedOnTheWay(error: unknown): boolean {
  const { $metadata, $response } = (typeof error === 'object' && error !== null ? error : {}) as VendorError
  return ($metadata?.httpStatusCode ?? $response?.statusCode) === 413
}

/** The reasons of a cancelled transaction, one for each action, by index. */
export function cancellationReasons(error: unknown): readonly CancellationReason[] | undefined {
  const { name, CancellationReasons } = (typeof error === 'object' && error !== null ? error : {}) as VendorError
  return name === 'TransactionCanceledException' ? CancellationReasons : undefined
}

export function isConditionFailure(error: unknown): boolean {
  return (error as VendorError | undefined)?.name === 'ConditionalCheckFailedException'
}

/** What the service refused in one document, in our words. */
export function refusedDocument(error: unknown): WriteFailure {
  const vendor = error as VendorError
  const message = describeRefusal(vendor)
  const code = /item size/i.test(vendor.message ?? '')
    ? 'DOCFERRY_TOO_LARGE'
    : /nesting/i.test(vendor.message ?? '')
      ? 'DOCFERRY_TOO_DEEP'
      : 'DOCFERRY_REFUSED'
  const failure = {
    code,
    message: message ?? `DynamoDB refused it (${vendor.name ?? 'Error'})`,
    retryable: false,
    cause: causeOf(vendor)
  } as const
  return isRefusedOnTheWay(error) ? { ...failure, mayBeApplied: true } : failure
}

/** The vendor's messages may quote what was sent, so those that help are recognised and the others are not shown. */
function describeRefusal({ message = '' }: VendorError): string | undefined {
  const index = /Index Key:? (\S+) Expected: (\w+) Actual: (\w+)(?: IndexName: (\S+))?/i.exec(message)
  if (index) return `the key attribute ${index[1]} of index ${index[4] ?? '?'} must be of type ${index[2]}, not ${index[3]}`
  if (/empty string value.*index|secondary index.*empty/i.test(message)) return 'a key attribute of an index is empty'
  if (/item size/i.test(message)) return `too large; a DynamoDB item holds at most ${formatCount(maxItemBytes)} bytes`
  if (/nesting/i.test(message)) return `nested too deep; a DynamoDB item holds at most ${maxContainers} maps and lists inside one another`
  if (/key element does not match the schema|Missing the key/i.test(message))
    return 'the table has another key than it had when the run began'
  if (/deletion protection|protected against deletion/i.test(message)) return 'the table is protected against deletion'
  if (/Segment/i.test(message)) return 'the scan segment is out of range'
  if (/start key|ExclusiveStartKey/i.test(message)) return 'the place to read on from does not belong to this table'
  return undefined
}
