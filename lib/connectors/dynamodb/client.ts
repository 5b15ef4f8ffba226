/** A connection: the SDK's client made as this tool needs it, tried out, and where it leads. */
import type { DynamoDBClient, DynamoDBClientConfig } from '@aws-sdk/client-dynamodb'
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { DocferryError } from '../../errors.ts'
import type { Location, Logger, OpenContext } from '../../types.ts'
import { firstCall } from '../../engine/first-calls.ts'
import type { BufferPool } from '../../kernel/buffer-pool.ts'
import { isUnknownAnswer, isUnreached, translate } from './errors.ts'
import { checkTimes, isLocalEndpoint } from './options.ts'
import type { DynamodbOptions } from './options.ts'
import { Wire } from './wire.ts'
import type { Operation, Sdk } from './commands.ts'
import { parseText } from '../../values/index.ts'

export interface CallOptions {
  /** Has memory for the answer's bytes, which is the caller's until it is released. Default: memory of their own. */
  readonly pool?: BufferPool
  /** The table, where the call is about one. */
  readonly collection?: string
  readonly writing?: boolean
  readonly signal?: AbortSignal
  /** The body's bytes are the caller's again: nobody sends them any more. Not told of every call, and of none that failed. */
  readonly onSent?: () => void
}

/** How an answer is read: @throws {SyntaxError} for one that is not DynamoDB's. Default: all of it is parsed. */
export interface Reading<T> {
  readonly read?: (bytes: Buffer) => T
}

/** What came back: DynamoDB's JSON, parsed, and its length in bytes. */
export interface Answer<T> {
  readonly value: T
  readonly bytes: number
  /** Nobody looks at the bytes any more. */
  release?(): void
}

/** What the connector needs of a client; a spec may bring its own. */
export interface Connection {
  readonly location: Location
  readonly logger: Logger
  /** The account and region that it is, where the service has told. */
  readonly account?: string
  /**
   * One call, not retried. `send` throws what the SDK throws, for those who look at vendor errors; `call` throws it translated.
   *
   * @param body the request in DynamoDB's JSON
   */
  send<T>(operation: Operation, body: string | Buffer, options: CallOptions): Promise<Answer<T>>
  /** @throws {DocferryError} see `translate` */
  call<T>(operation: Operation, body: string | Buffer, options: CallOptions & Reading<T>): Promise<Answer<T>>
  /** The server's clock in the last answer that told it, read between two times of ours. */
  clock?(): Clock | undefined
  close(): void
}

/** With what the SDK's own commands need, which the data path does without. */
export interface OpenConnection extends Connection {
  readonly sdk: Sdk
  readonly client: DynamoDBClient
}

export interface Clock {
  readonly server: Date
  readonly before: Date
  readonly after: Date
}

const madeUpCredentials = { accessKeyId: 'local', secretAccessKey: 'local' }

/** Enough for every call under way: 16 of a target, or one for each scan segment. */
const maxSockets = 128

const preflightTimeoutMs = 10_000

/**
 * Make a client and one cheap call with it, so that a wrong endpoint, region or credentials show now.
 *
 * @throws {DocferryError} DOCFERRY_CONNECT, DOCFERRY_AUTH, DOCFERRY_CONFIG
 */
export async function connect(options: DynamodbOptions, context: OpenContext): Promise<OpenConnection> {
  checkTimes(options)
  const sdk = loadSdk()
  const client = options.client ?? makeClient(sdk, options)
  const close = () => {
    if (!options.client) client.destroy()
  }
  try {
    return { ...(await locate(sdk, client, options, context)), sdk, client, close }
  } catch (error) {
    close()
    throw error
  }
}

/** Loaded when first needed, and as what it is, CommonJS: for an import, Node would read each of its files once more to learn what it exports. */
function loadSdk(): Sdk {
  return createRequire(import.meta.url)('@aws-sdk/client-dynamodb') as Sdk
}

function makeClient(
  sdk: Sdk,
  { region = 'us-east-1', endpoint, profile, credentials, timeoutMs = 30_000 }: DynamodbOptions
): DynamoDBClient {
  const local = endpoint !== undefined && !profile && isLocalEndpoint(endpoint)
  const config: DynamoDBClientConfig = {
    region,
    // The engine tries again: it counts, waits longer, and sends again only what failed.
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: preflightTimeoutMs,
      requestTimeout: timeoutMs,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true, maxSockets },
      httpsAgent: { keepAlive: true, maxSockets }
    }
  }
  if (endpoint !== undefined) config.endpoint = endpoint
  if (profile !== undefined) config.profile = profile
  const given = credentials ?? (local ? madeUpCredentials : undefined)
  if (given !== undefined) config.credentials = given
  return new sdk.DynamoDBClient(config)
}

function isAnother(address: string): DocferryError {
  const message = `what answers at ${address} is no DynamoDB; is the endpoint right?`
  return new DocferryError('DOCFERRY_CONNECT', message, { provider: 'dynamodb' })
}

async function locate(
  sdk: Sdk,
  client: DynamoDBClient,
  options: DynamodbOptions,
  { signal, logger, retry }: OpenContext
): Promise<Omit<Connection, 'close'>> {
  const { timeoutMs: usualMs = 30_000 } = options
  const region = await client.config.region()
  let host = options.endpoint === undefined ? undefined : new URL(options.endpoint).origin
  let clock: Clock | undefined
  const address = () => (host === undefined || isAws(host) ? region : `${region} at ${host}`)
  const wire = new Wire(sdk, client, {
    keepsForm: options.client === undefined,
    onHost: origin => {
      host ??= origin
    }
  })
  const send = async <T>(
    operation: Operation,
    body: string | Buffer,
    { collection, read = parseAnswer, ...call }: CallOptions & Reading<T>,
    timeoutMs = usualMs
  ): Promise<Answer<T>> => {
    const before = new Date()
    const onDate = (date: string): void => {
      if (!Number.isNaN(Date.parse(date))) clock = { server: new Date(date), before, after: new Date() }
    }
    const request = typeof body === 'string' ? Buffer.from(body) : body
    const bytes = await wire.send(operation, request, { ...call, table: collection, timeoutMs, address: address(), onDate })
    return { value: read(bytes), bytes: bytes.length, release: () => call.pool?.give(Buffer.from(bytes.buffer)) }
  }
  const trying = { signal, logger, retry, isHopeless: isUnreached, hopelessTries: 2 }
  const tables = await firstCall(async () => {
    try {
      const call = send<{ TableNames?: string[] } | null>('ListTables', '{"Limit":1}', { signal }, Math.min(usualMs, preflightTimeoutMs))
      const { value } = await call
      if (!Array.isArray(value?.TableNames)) throw isAnother(address())
      return value
    } catch (error) {
      signal?.throwIfAborted()
      const translated = translate(error, { operation: 'ListTables', address: address() })
      // Credentials may be for certain tables only: then the run's own calls tell.
      if (isUnknownAnswer(error, translated)) throw isAnother(address())
      if (translated.code !== 'DOCFERRY_PERMISSION') throw translated
      logger.debug({ provider: 'dynamodb' }, 'listing tables is not permitted')
      return {}
    }
  }, trying)
  const describe = (table: string): Promise<TableAnswer> =>
    firstCall(async () => {
      const body = JSON.stringify({ TableName: table })
      try {
        return (await send<TableAnswer>('DescribeTable', body, { collection: table, signal })).value
      } catch (error) {
        signal?.throwIfAborted()
        throw translate(error, { operation: 'DescribeTable', address: address(), collection: table })
      }
    }, trying)
  const account = host === undefined || isAws(host) ? await accountOf(client, describe, tables.TableNames?.[0]) : undefined
  const location: Location = {
    provider: 'dynamodb',
    address: address(),
    identity: account === undefined ? `dynamodb ${region} at ${sameHost(host as string)}` : `dynamodb ${region} account ${account.name}`
  }
  return {
    location,
    logger,
    ...(account?.isTold && { account: location.identity }),
    send,
    clock: () => clock,
    async call<T>(operation: Operation, body: string | Buffer, call: CallOptions & Reading<T>): Promise<Answer<T>> {
      try {
        return await send<T>(operation, body, call)
      } catch (error) {
        call.signal?.throwIfAborted()
        throw translate(error, { operation, address: location.address, collection: call.collection, writing: call.writing })
      }
    }
  }
}

function isAws(origin: string): boolean {
  return /\.(?:amazonaws\.com|amazonaws\.com\.cn|api\.aws|api\.amazonwebservices\.com\.cn)(?::443)?$/.test(origin)
}

/** Two names of this machine are one place. */
function sameHost(origin: string): string {
  return origin.replace(/\/\/(?:localhost|\[::1\]|0\.0\.0\.0)(?=:|$)/, '//127.0.0.1')
}

interface TableAnswer {
  readonly Table?: { readonly TableArn?: string }
}

/**
 * What tells two AWS accounts apart: the account in the name of a table, or of the credentials; where neither tells, a hash of the access
 * key's id, since the same key is the same account.
 */
async function accountOf(
  client: DynamoDBClient,
  describe: (table: string) => Promise<TableAnswer>,
  table: string | undefined
): Promise<{ readonly name: string; readonly isTold: boolean }> {
  if (table !== undefined) {
    try {
      const account = (await describe(table)).Table?.TableArn?.split(':')[4]
      if (account) return { name: account, isTold: true }
    } catch (error) {
      // Not permitted, or deleted meanwhile: the credentials tell instead. Where the service fails, one place would be called by two names.
      if (!(error instanceof DocferryError) || error.retryable) throw error
    }
  }
  const { accessKeyId, accountId } = await client.config.credentials()
  if (accountId !== undefined) return { name: accountId, isTold: true }
  return { name: `of key ${createHash('sha256').update(accessKeyId).digest('hex').slice(0, 16)}`, isTold: false }
}

function parseAnswer<T>(bytes: Buffer): T {
  const value: unknown = parseText(bytes.toString())
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new SyntaxError('the answer is no JSON object')
  return value as T
}
