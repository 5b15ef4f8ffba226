/** The faults, as each protocol has them. */
import type { FaultAction, ProxyRequest } from '../support/fault-proxy.ts'
import type { GrpcAction } from '../support/grpc-proxy.ts'

export type Role = 'source' | 'target'

/** What happens to some requests in the middle of a run, one action each. */
export interface PassingFault<Action> {
  readonly name: string
  readonly actions: readonly Action[]
  /** Default: both. */
  readonly of?: Role
  /** The one action is for every request. */
  readonly lasts?: true
  /** Documents that go again behind those that the fault has hit. */
  readonly alwaysAgain?: number
}

/** What happens to all requests from the middle of a run on, until it is mended. */
export interface LastingFault<Action> {
  readonly name: string
  /** Missing: nothing listens any more. */
  readonly action?: Action
  /** What the first read meets, where a single one reads all. */
  readonly firstRead?: Action
  /** What the run ends with. */
  readonly error: 'DOCFERRY_AUTH' | 'DOCFERRY_PERMISSION' | 'DOCFERRY_CONNECT' | 'DOCFERRY_THROTTLED'
}

const latency = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 100))

/** What a server's own trouble may quote. */
const quote = ({ headers, body }: ProxyRequest): string => `${headers.authorization ?? ''} ${body.toString().slice(0, 3_000)}`

const network: readonly PassingFault<FaultAction & GrpcAction>[] = [
  { name: 'connections closed', actions: Array.from({ length: 3 }, () => ({ type: 'refuse' })) },
  { name: 'connections reset', actions: Array.from({ length: 3 }, () => ({ type: 'reset' })) },
  { name: 'answers lost', actions: Array.from({ length: 3 }, () => ({ type: 'loseAnswer' })) },
  { name: 'latency', actions: [{ type: 'holdUntil', until: latency }], lasts: true },
  { name: 'stalls', actions: [{ type: 'stall' }] }
]

const http: readonly PassingFault<FaultAction>[] = [
  ...network,
  { name: 'answers half sent', actions: [0, 1, 20, 60_000].map(afterBytes => ({ type: 'cut', afterBytes })) },
  // DynamoDB's answer to a write has 23 bytes.
  { name: 'stalls in the answer', actions: [{ type: 'stall', afterBytes: 10 }] },
  {
    name: '503, and 502 of a gateway',
    actions: [
      { type: 'throttle', status: 503, retryAfterSeconds: 0.1 },
      { type: 'answer', status: 502, headers: { 'content-type': 'text/html' }, body: '<html>Bad Gateway</html>' }
    ]
  }
]

const evenRows = (index: number): boolean => index % 3 === 1

export const couchdbFaults: readonly PassingFault<FaultAction>[] = [
  ...http,
  { name: '429', actions: [1, 2, 3].map(() => ({ type: 'throttle', status: 429, retryAfterSeconds: 0.1 })) },
  {
    name: '500 that quotes what was sent',
    actions: [1, 2].map(() => ({
      type: 'answer',
      status: 500,
      body: request => ({ error: 'badmatch', reason: quote(request), ref: 1 })
    }))
  },
  {
    name: 'a part of a batch fails',
    of: 'target',
    actions: [1, 2, 3].map(() => ({ type: 'failRows', keepBack: evenRows, error: 'internal_server_error', reason: 'timeout' }))
  },
  {
    name: 'a part of a batch is said to have failed, and is written',
    of: 'target',
    actions: ['internal_server_error', 'timeout', 'unknown_error'].map(error => ({
      type: 'failRows',
      keepBack: evenRows,
      passesAll: true,
      error,
      reason: 'timeout'
    }))
  },
  {
    name: '500 behind a batch that is written',
    of: 'target',
    // Two batches in halves, and whatever was there when these came.
    alwaysAgain: 1000,
    actions: [1, 2].map(() => ({ type: 'answer', passes: true, status: 500, body: { error: 'internal_server_error', reason: 'timeout' } }))
  }
]

export const dynamodbFaults: readonly PassingFault<FaultAction>[] = [
  ...http,
  {
    name: 'ProvisionedThroughputExceeded and others',
    actions: ['ProvisionedThroughputExceededException', 'ThrottlingException', 'RequestLimitExceeded'].map(name => ({
      type: 'dynamodbError',
      name
    }))
  },
  {
    name: '500 that quotes what was sent',
    actions: [1, 2].map(() => ({
      type: 'answer',
      status: 500,
      body: request => ({ __type: 'com.amazonaws.dynamodb.v20120810#InternalServerError', message: quote(request) })
    }))
  },
  {
    name: 'a part of a batch fails',
    of: 'target',
    actions: [1, 2, 3].map(() => ({ type: 'unprocessed', keepBack: (_, index) => evenRows(index) }))
  },
  { name: 'all of a batch is unprocessed', of: 'target', actions: [1, 2, 3].map(() => ({ type: 'unprocessed', keepBack: () => true })) }
]

export const firestoreFaults: readonly PassingFault<GrpcAction>[] = [
  ...network,
  {
    name: 'answers half sent',
    actions: [{ type: 'cut', afterMessages: 0 }, ...[20, 120].map(afterMessages => ({ type: 'cut', afterMessages }) as const)]
  },
  { name: 'answers without an end', actions: [0, 20, 120].map(afterMessages => ({ type: 'breakOff', afterMessages })) },
  {
    name: 'answers that end in UNAVAILABLE',
    actions: [0, 20, 120].map(afterMessages => ({ type: 'breakOff', afterMessages, code: 14, details: 'The service is shutting down.' }))
  },
  { name: 'stalls in the answer', actions: [{ type: 'stall', afterMessages: 30 }] },
  { name: 'RESOURCE_EXHAUSTED', actions: [8, 8, 8].map(code => ({ type: 'status', code, details: 'Quota exceeded.' })) },
  {
    name: 'ABORTED, DEADLINE_EXCEEDED, UNAVAILABLE',
    actions: [10, 4, 14].map(code => ({ type: 'status', code, details: 'Please try again.' }))
  },
  {
    name: 'a part of a batch fails',
    of: 'target',
    actions: [8, 10, 14].map(code => ({ type: 'failWrites', keepBack: evenRows, code, details: 'try again' }))
  }
]

/** Of TransactWriteItems. @param isHeld whether the table held a document before: of these alone a condition fails */
export function conditionalFaults(isHeld: (document: { readonly _id: string }) => boolean): readonly PassingFault<FaultAction>[] {
  const reasons = ['None', 'TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded']
  const reasonFor = (action: unknown, index: number): string => {
    const _id = idOf((action as { Put: object }).Put) ?? ''
    return isHeld({ _id }) ? 'ConditionalCheckFailed' : (reasons[index % reasons.length] as string)
  }
  const errors = ['ProvisionedThroughputExceededException', 'ThrottlingException', 'TransactionInProgressException', 'InternalServerError']
  return [
    { name: 'connections reset', actions: [1, 2, 3].map(() => ({ type: 'reset' })) },
    { name: 'answers lost', actions: [1, 2, 3].map(() => ({ type: 'loseAnswer' })) },
    { name: 'a stall', actions: [{ type: 'stall' }] },
    {
      name: 'throttled, and 500',
      actions: errors.map(name => ({ type: 'dynamodbError', name, status: name.startsWith('Int') ? 500 : 400 }))
    },
    {
      name: '500 behind a transaction that is made',
      actions: [1, 2].map(() => ({
        type: 'answer',
        passes: true,
        status: 500,
        body: { __type: 'InternalServerError', message: 'timeout' }
      }))
    },
    { name: 'cancelled for mixed reasons', actions: [1, 2, 3].map(() => ({ type: 'cancelTransaction', reasonFor })) },
    { name: 'cancelled for conflicts', actions: [1, 2].map(() => ({ type: 'cancelTransaction', reasonFor: () => 'TransactionConflict' })) }
  ]
}

export function isStall(actions: readonly { readonly type: string }[]): boolean {
  return actions.some(({ type }) => type === 'stall')
}

/** The id of the item in a put. */
export function idOf(put: object): string | undefined {
  return (put as { Item?: { _id?: { S?: string } } }).Item?._id?.S
}

/** How many documents of a request a fault leaves out or holds up; undefined where all of its batch goes again. */
export function documentsLeftOut(action: { readonly type: string } | undefined, documents: number): number | undefined {
  const { type, keepBack } = (action ?? {}) as { type?: string; keepBack?: (first: unknown, index: number) => boolean }
  if (type === 'holdUntil') return 0
  if (!keepBack) return undefined
  const isKept = (index: number): boolean => (type === 'unprocessed' ? keepBack(undefined, index) : keepBack(index, index))
  return Array.from({ length: documents }, (_, index) => isKept(index)).filter(Boolean).length
}

const gone: LastingFault<never> = { name: 'server gone, then back', error: 'DOCFERRY_CONNECT' }

const inTheMiddle: FaultAction = { type: 'cut', afterBytes: 60_000 }

export const couchdbLasting: readonly LastingFault<FaultAction>[] = [
  { ...gone, firstRead: inTheMiddle },
  {
    name: 'password changed, then mended',
    firstRead: inTheMiddle,
    action: { type: 'answer', status: 401, body: { error: 'unauthorized', reason: 'Name or password is incorrect.' } },
    error: 'DOCFERRY_AUTH'
  },
  {
    name: 'permission taken, then given',
    firstRead: inTheMiddle,
    action: { type: 'answer', status: 403, body: { error: 'forbidden', reason: 'You are not allowed to access this db.' } },
    error: 'DOCFERRY_PERMISSION'
  }
]

export const dynamodbLasting: readonly LastingFault<FaultAction>[] = [
  gone,
  {
    name: 'token expired, then renewed',
    action: { type: 'dynamodbError', name: 'ExpiredTokenException', message: 'The security token included in the request is expired' },
    error: 'DOCFERRY_AUTH'
  },
  {
    name: 'permission taken, then given',
    action: {
      type: 'dynamodbError',
      name: 'AccessDeniedException',
      message: 'User: x is not authorized to perform: dynamodb:Any on resource: y'
    },
    error: 'DOCFERRY_PERMISSION'
  },
  {
    name: 'throttled without end, then not',
    action: { type: 'dynamodbError', name: 'ProvisionedThroughputExceededException' },
    error: 'DOCFERRY_THROTTLED'
  }
]

export const firestoreLasting: readonly LastingFault<GrpcAction>[] = [
  { ...gone, firstRead: { type: 'cut', afterMessages: 700 } },
  {
    name: 'credentials expired, then renewed',
    firstRead: { type: 'breakOff', afterMessages: 700, code: 16 },
    action: { type: 'status', code: 16, details: 'Request had invalid authentication credentials.' },
    error: 'DOCFERRY_AUTH'
  },
  {
    name: 'permission taken, then given',
    firstRead: { type: 'breakOff', afterMessages: 700, code: 7 },
    action: { type: 'status', code: 7, details: 'Missing or insufficient permissions.' },
    error: 'DOCFERRY_PERMISSION'
  }
]
