/** The databases behind their proxies: how the command line is told of them, which of their requests read and write, and what is compared. */
import { randomBytes } from 'node:crypto'
import { targetLimits as couchdbLimits } from '../../lib/connectors/couchdb/limits.ts'
import { targetLimits as dynamodbLimits } from '../../lib/connectors/dynamodb/limits.ts'
import { targetLimits as firestoreLimits } from '../../lib/connectors/firestore/limits.ts'
import type { Document } from '../../lib/types.ts'
import { makePlace } from '../support/chaos-ends.ts'
import type { Place } from '../support/chaos-ends.ts'
import type { FaultRecord } from '../support/fault-list.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import type { FaultAction, FaultProxy, ProxyRequest } from '../support/fault-proxy.ts'
import { startGrpcProxy } from '../support/grpc-proxy.ts'
import type { GrpcAction, GrpcProxy, GrpcRequest } from '../support/grpc-proxy.ts'
import { servers } from '../support/servers.ts'

export type DatabaseName = 'couchdb' | 'dynamodb' | 'firestore'

/** So long that a busy machine is not taken for one that stalls; and so short that a stalled call is given up soon. */
const timeoutMs = 5_000
const soonMs = 700

/** A proxy in the middle, whatever it speaks. */
export interface FaultyEnd<Request, Action> {
  readonly name: DatabaseName
  readonly proxy: FaultRecord<Request, Action> & Pick<FaultProxy, 'goDown' | 'comeBack' | 'close'>
  /** For `--source` and `--target`, through the proxy. */
  readonly address: string
  /** The same, with little patience for a call that gets no answer. */
  readonly impatientAddress: string
  readonly env: NodeJS.ProcessEnv
  readonly secrets: readonly string[]
  /** The database itself, without the proxy. */
  readonly place: Place
  readonly isRead: (request: Request) => boolean
  /** How many requests that read come before the middle. */
  readonly readsBefore: number
  readonly isWrite: (request: Request) => boolean
  /** Which documents a request to write holds. */
  readonly indexesIn: (request: Request) => number[]
  /** The most documents in one call of `Target.write`, and between two marks. */
  readonly batchCount: number
  /** Where all calls share a connection, how many may be under way: one that is cut takes answers along that have just been sent. */
  readonly sharedBy?: number
  /** How many documents go again where such a request fails: those of the one call of `Target.write` that it is a part of. */
  readonly batchOf: (request: Request) => number
}

export type HttpEnd = FaultyEnd<ProxyRequest, FaultAction>
export type GrpcEnd = FaultyEnd<GrpcRequest, GrpcAction>

export async function couchdbEnd(folder: string): Promise<HttpEnd> {
  const { url, user, password } = await servers.couchdb()
  const proxy = await startFaultProxy({ target: url })
  const host = new URL(proxy.url).host
  return {
    name: 'couchdb',
    proxy,
    ...addresses(`couchdb://${user}:${encodeURIComponent(password)}@${host}?`),
    env: {},
    secrets: [password, Buffer.from(`${user}:${password}`).toString('base64')],
    place: await makePlace('couchdb', folder),
    // A range is one request, as long as nothing fails.
    readsBefore: 0,
    isRead: ({ method, path }) => method === 'GET' && path.includes('/_all_docs') && path.includes('include_docs=true'),
    isWrite: ({ path }) => path.endsWith('/_bulk_docs'),
    ...holdsBatches(({ body }) => body, couchdbLimits.batchCount)
  }
}

export async function dynamodbEnd(folder: string): Promise<HttpEnd> {
  const { endpoint, region } = await servers.dynamodb()
  const proxy = await startFaultProxy({ target: endpoint })
  const secret = randomBytes(20).toString('hex')
  const batches = holdsBatches<ProxyRequest>(({ body }) => body, dynamodbLimits.batchCount)
  return {
    name: 'dynamodb',
    proxy,
    ...addresses(`dynamodb://${region}?endpoint=${proxy.url}&`),
    env: { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: secret },
    secrets: [secret],
    place: await makePlace('dynamodb', folder),
    readsBefore: 1,
    isRead: ({ operation }) => operation === 'Scan',
    isWrite: ({ operation }) => operation === 'BatchWriteItem' || operation === 'TransactWriteItems' || operation === 'PutItem',
    ...batches,
    // A quarter of a batch that fails as a call fails the others.
    batchOf: request => (request.operation === 'BatchWriteItem' ? batches.batchCount : batches.batchOf(request))
  }
}

export async function firestoreEnd(folder: string): Promise<GrpcEnd> {
  const { host } = await servers.firestore()
  const proxy: GrpcProxy = await startGrpcProxy({ target: host })
  const place = await makePlace('firestore', folder)
  const { project } = place.end.options as { project: string }
  return {
    name: 'firestore',
    proxy,
    ...addresses(`firestore://${project}?emulator=${proxy.host}&`),
    env: {},
    secrets: [],
    place,
    readsBefore: 0,
    isRead: ({ method }) => method === 'RunQuery',
    isWrite: ({ method }) => method === 'BatchWrite',
    sharedBy: firestoreLimits(true).inFlight,
    ...holdsBatches(({ message }) => message, firestoreLimits(true).batchCount)
  }
}

function addresses(start: string): { readonly address: string; readonly impatientAddress: string } {
  return { address: `${start}timeoutMs=${timeoutMs}`, impatientAddress: `${start}timeoutMs=${soonMs}` }
}

/** Of requests that hold a whole batch. */
function holdsBatches<Request>(
  content: (request: Request) => Buffer,
  batchCount: number
): Pick<FaultyEnd<Request, never>, 'indexesIn' | 'batchOf' | 'batchCount'> {
  const indexesIn = (request: Request): number[] => {
    const ids = content(request)
      .toString('latin1')
      .match(/(?<=doc-)\d{5}/g)
    return [...new Set(ids)].map(Number)
  }
  return { indexesIn, batchOf: request => indexesIn(request).length, batchCount }
}

/** Of an API key in one document in ten; it is nowhere else. */
export const apiKey = `sk-live-${randomBytes(12).toString('hex')}`

export function makeDocuments(count: number): Document[] {
  return Array.from({ length: count }, (_, index) => ({
    _id: `doc-${String(index).padStart(5, '0')}`,
    index,
    price: index / 4,
    text: `${index} `.repeat(30),
    ...(index % 10 === 0 && { api_keys: { openai: apiKey } })
  }))
}
