/** What it costs that a target asks for less: each tenth write pushed back, against none, through the same proxy. */
import { startFaultProxy } from '../../spec/support/fault-proxy.ts'
import type { FaultProxy } from '../../spec/support/fault-proxy.ts'
import { startGrpcProxy } from '../../spec/support/grpc-proxy.ts'
import type { GrpcProxy } from '../../spec/support/grpc-proxy.ts'
import type { Endpoint } from '../../lib/open.ts'
import type { Document } from '../../lib/types.ts'
import { arraySource, move } from './ends.ts'
import type { Contest } from './measure.ts'

const resourceExhausted = 8

interface Throttled {
  readonly provider: string
  readonly documents: readonly Document[]
  readonly end: Endpoint
  readonly begin: () => void
  readonly stop: () => void
}

/** Each run has a collection of its own: emptying one costs more than filling it. */
function contest({ provider, documents, end, begin, stop }: Throttled): Contest {
  let runs = 0
  const run = (): Promise<number> => {
    const collection = `bench_throttled_${++runs}`
    return move(arraySource(collection, documents), end, collection)
  }
  return {
    name: `${provider}, each tenth write throttled`,
    bareName: 'docferry, none throttled',
    documents: documents.length,
    async bare() {
      stop()
      return await run()
    },
    async ours() {
      begin()
      return await run()
    }
  }
}

/** Whether it is the tenth again. */
const eachTenth = () => {
  let count = 0
  return (): boolean => ++count % 10 === 0
}

/** @returns contests, and what is to be closed behind them */
export async function throttlingContests(
  documents: readonly Document[],
  env: Readonly<Record<string, string | undefined>>
): Promise<{ readonly contests: Contest[]; readonly close: () => Promise<void> }> {
  const couchdb = await startFaultProxy({ target: env['COUCHDB_URL'] ?? '' })
  const dynamodb = await startFaultProxy({ target: env['DYNAMODB_ENDPOINT_URL'] ?? '' })
  const firestore = await startGrpcProxy({ target: env['FIRESTORE_EMULATOR_HOST'] ?? '' })
  const stop = (proxy: FaultProxy | GrpcProxy) => (): void => {
    proxy.faults.length = 0
    proxy.forget()
  }
  const begin = (proxy: FaultProxy | GrpcProxy, add: () => void) => (): void => {
    stop(proxy)()
    add()
  }
  const times = Infinity
  const contests = [
    contest({
      provider: 'CouchDB',
      documents,
      end: {
        connector: 'couchdb',
        options: { url: couchdb.url, user: env['COUCHDB_USER'] ?? '', password: env['COUCHDB_PASSWORD'] ?? '' }
      },
      stop: stop(couchdb),
      begin: begin(couchdb, () => {
        const tenth = eachTenth()
        couchdb.faults.push({ times, match: ({ path }) => path.endsWith('/_bulk_docs') && tenth(), action: { type: 'throttle' } })
      })
    }),
    contest({
      provider: 'DynamoDB',
      documents,
      end: { connector: 'dynamodb', options: { endpoint: dynamodb.url, region: env['DYNAMODB_REGION'] ?? 'us-east-1' } },
      stop: stop(dynamodb),
      begin: begin(dynamodb, () => {
        const tenth = eachTenth()
        const action = { type: 'dynamodbError', name: 'ProvisionedThroughputExceededException' } as const
        dynamodb.faults.push({ times, match: ({ operation }) => operation === 'BatchWriteItem' && tenth(), action })
      })
    }),
    contest({
      provider: 'Firestore',
      documents,
      end: { connector: 'firestore', options: { project: 'bench-throttled', emulator: firestore.host } },
      stop: stop(firestore),
      begin: begin(firestore, () => {
        const tenth = eachTenth()
        const action = { type: 'status', code: resourceExhausted } as const
        firestore.faults.push({ times, match: ({ method }) => method === 'BatchWrite' && tenth(), action })
      })
    })
  ]
  return { contests, close: async () => void (await Promise.all([couchdb.close(), dynamodb.close(), firestore.close()])) }
}
