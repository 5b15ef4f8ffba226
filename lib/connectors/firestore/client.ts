/**
 * The connection to a Firestore database: the vendor's own gRPC channel and credentials, with deadlines of ours. The calls of the vendor's
 * clients are not used: they retry for ten minutes whatever is configured, and raise unhandled rejections when credentials are missing.
 */
import { createRequire } from 'node:module'
import type { Readable } from 'node:stream'
import { firstCall } from '../../engine/first-calls.ts'
import { DocferryError } from '../../errors.ts'
import type { Location, OpenContext } from '../../types.ts'
import { checkKeyFile, withTimeout } from './credentials.ts'
import { callError, isUnreached, type CallContext } from './errors.ts'
import {
  checkTimes,
  defaultDatabase,
  normalHost,
  type FirestoreAdminClientLike,
  type FirestoreClientLike,
  type FirestoreOptions
} from './options.ts'

/** Finding credentials, and the first small call: each may take so long. */
export const openTimeoutMs = 8_000
/** Every other call; the service itself gives up after 60 s. */
export const callTimeoutMs = 60_000

export interface Metadata {
  set(key: string, value: string): void
}

interface CallOptions {
  readonly deadline?: number
}

interface Cancellable {
  cancel(): void
}

/** A stream of answers, in object mode; with bytes undecoded. */
export type AnswerStream = Readable & Cancellable

type Callback<Answer> = (error: Error | null, answer?: Answer) => void

/** What is used of a grpc-js client. */
export interface Stub {
  makeUnaryRequest<Request, Answer>(
    path: string,
    serialize: (request: Request) => Buffer,
    deserialize: (bytes: Buffer) => Answer,
    request: Request,
    metadata: Metadata,
    options: CallOptions,
    callback: Callback<Answer>
  ): Cancellable
  makeServerStreamRequest<Request, Answer>(
    path: string,
    serialize: (request: Request) => Buffer,
    deserialize: (bytes: Buffer) => Answer,
    request: Request,
    metadata: Metadata,
    options: CallOptions
  ): AnswerStream
  readonly constructor: { readonly service: Readonly<Record<string, MethodDefinition>> }
}

export interface MethodDefinition {
  readonly path: string
  readonly requestSerialize: (request: object) => Buffer
  readonly responseDeserialize: (bytes: Buffer) => unknown
}

/** What is used of `google-gax`, in the copy that the vendor's client itself loads. */
export interface Gax {
  readonly grpc: {
    readonly credentials: { createInsecure(): unknown }
    readonly Metadata: new () => Metadata
  }
  readonly googleAuthLibrary: { readonly PassThroughClient: new () => unknown }
}

type ClientConstructor<Client> = new (options: object, gax: Gax) => Client

interface Vendor {
  readonly gax: Gax
  readonly FirestoreClient: ClientConstructor<FirestoreClientLike>
  readonly FirestoreAdminClient: ClientConstructor<FirestoreAdminClientLike>
}

/** Who makes a call, and until when. */
export interface CallSettings {
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
}

/** So much of each stream the server may send ahead. HTTP/2's 64 KB would have it wait for us most of the time, the more so the farther away it is. */
const windowBytes = 256 << 10

const vendor = '@google-cloud/firestore'

const asBytes = (bytes: Buffer): Buffer => bytes

export class FirestoreConnection {
  readonly location: Location
  readonly emulator: boolean
  /** `projects/p/databases/d` */
  readonly database: string
  /** `projects/p/databases/d/documents`, which all names begin with. */
  readonly root: string
  /** As the user wants it. */
  readonly timeoutMs: number | undefined
  readonly #stub: Stub
  readonly #gax: Gax
  readonly #close: () => Promise<void>
  #requests = 0

  constructor(stub: Stub, gax: Gax, project: string, options: FirestoreOptions, close: () => Promise<void>) {
    const { database = defaultDatabase, emulator } = options
    this.#stub = stub
    this.#gax = gax
    this.#close = close
    this.emulator = emulator !== undefined
    this.timeoutMs = options.timeoutMs
    this.database = `projects/${project}/databases/${database}`
    this.root = `${this.database}/documents`
    this.location = {
      provider: 'firestore',
      address: `project ${project}, database ${database}${emulator === undefined ? '' : `, emulator ${emulator}`}`,
      identity: `firestore://${emulator === undefined ? 'service' : normalHost(emulator)}/${project}/${database}`
    }
  }

  /** Calls made so far. */
  get requests(): number {
    return this.#requests
  }

  /** One request, one answer, both as the vendor's own objects: for calls that are few. @throws as `callError` says; the signal's reason */
  async call<Answer>(method: string, request: object, context: CallContext, settings: CallSettings = {}): Promise<Answer> {
    const { path, requestSerialize, responseDeserialize } = this.#method(method)
    try {
      return responseDeserialize(await this.callBytes(path, requestSerialize(request), settings)) as Answer
    } catch (error) {
      throw callError(error, context)
    }
  }

  /** One request, one answer, both as bytes. @throws a `GrpcError`, for the caller to translate; the signal's reason */
  callBytes(path: string, request: Buffer, settings: CallSettings = {}): Promise<Buffer> {
    this.#requests++
    return sendUnary(
      this.#stub,
      { path, request, metadata: this.#metadata() },
      { ...settings, timeoutMs: settings.timeoutMs ?? this.timeoutMs }
    )
  }

  /** Answers one by one, undecoded, no faster than they are taken. The caller cancels it, and listens to `error` from the start. */
  stream(method: string, request: object, options: CallOptions = {}): AnswerStream {
    const { path, requestSerialize } = this.#method(method)
    this.#requests++
    return this.#stub.makeServerStreamRequest(path, asBytes, asBytes, requestSerialize(request), this.#metadata(), options)
  }

  /** All answers of a stream that has few. @throws as `call` */
  async collect(method: string, request: object, context: CallContext, settings: CallSettings = {}): Promise<Buffer[]> {
    const { signal, timeoutMs = this.timeoutMs ?? callTimeoutMs } = settings
    signal?.throwIfAborted()
    const answers: Buffer[] = []
    const call = this.stream(method, request, { deadline: Date.now() + timeoutMs })
    const cancel = (): void => call.cancel()
    signal?.addEventListener('abort', cancel, { once: true })
    try {
      for await (const answer of call) answers.push(answer as Buffer)
      return answers
    } catch (error) {
      signal?.throwIfAborted()
      throw callError(error, context)
    } finally {
      signal?.removeEventListener('abort', cancel)
    }
  }

  /** `collect`, with the answers as the vendor's own objects. */
  async collectObjects<Answer>(method: string, request: object, context: CallContext, settings?: CallSettings): Promise<Answer[]> {
    const { responseDeserialize } = this.#method(method)
    return (await this.collect(method, request, context, settings)).map(bytes => responseDeserialize(bytes) as Answer)
  }

  /** The context of a call, for errors. */
  context(action: CallContext['action'], collection?: string): CallContext {
    return { action, address: this.location.address, collection }
  }

  close(): Promise<void> {
    return this.#close()
  }

  #method(name: string): MethodDefinition {
    const method = this.#stub.constructor.service[name]
    if (method === undefined) throw new DocferryError('DOCFERRY_BUG', `Firestore's client has no method ${name}`)
    return method
  }

  #metadata(): Metadata {
    const metadata = new this.#gax.grpc.Metadata()
    metadata.set('google-cloud-resource-prefix', this.database)
    metadata.set('x-goog-request-params', `database=${encodeURIComponent(this.database)}`)
    if (this.emulator) metadata.set('authorization', 'Bearer owner')
    return metadata
  }
}

/** One call on a channel. @throws a `GrpcError`, for the caller to translate; the signal's reason */
export function sendUnary(
  stub: Stub,
  { path, request, metadata }: { readonly path: string; readonly request: Buffer; readonly metadata: Metadata },
  { signal, timeoutMs = callTimeoutMs }: CallSettings
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const cancel = (): void => call.cancel()
    const callback: Callback<Buffer> = (error, answer) => {
      signal?.removeEventListener('abort', cancel)
      if (signal?.aborted) reject(signal.reason as Error)
      else if (error !== null || answer === undefined) reject(error ?? new RangeError('no answer'))
      else resolve(answer)
    }
    const call = stub.makeUnaryRequest(path, asBytes, asBytes, request, metadata, { deadline: Date.now() + timeoutMs }, callback)
    signal?.addEventListener('abort', cancel, { once: true })
  })
}

/**
 * Connect, and ask for something small, so that a wrong address or refused credentials show at once.
 *
 * @throws {DocferryError} DOCFERRY_CONFIG; DOCFERRY_CONNECT, DOCFERRY_AUTH or DOCFERRY_PERMISSION; within `openTimeoutMs` where nobody answers
 */
export async function connect(options: FirestoreOptions, { signal, logger, retry }: OpenContext): Promise<FirestoreConnection> {
  signal?.throwIfAborted()
  checkTimes(options)
  const { gax, FirestoreClient } = loadVendor()
  const project = (await checkKeyFile(options)) ?? missingProject()
  const client = options.client ?? new FirestoreClient(clientOptions(options, project, gax), gax)
  const close = async (): Promise<void> => {
    if (options.client === undefined) await client.close()
  }
  try {
    const stub = (await withTimeout(client.initialize(), openTimeoutMs, signal)) as Stub
    const connection = new FirestoreConnection(stub, gax, project, options, close)
    const context = connection.context('open')
    const timeoutMs = Math.min(options.timeoutMs ?? openTimeoutMs, openTimeoutMs)
    const ask = (): Promise<unknown> =>
      connection.call('ListCollectionIds', { parent: connection.root, pageSize: 1 }, context, { signal, timeoutMs })
    await firstCall(ask, { signal, logger, retry, isHopeless: isUnreached, hopelessTries: 1 })
    return connection
  } catch (error) {
    // Closing a client that never connected raises the same error again.
    await close().catch(() => undefined)
    throw error
  }
}

/** Loaded when first needed: it takes a quarter of a second. */
export function loadVendor(): Vendor {
  const here = createRequire(import.meta.url)
  const { v1 } = here(vendor) as { v1: Omit<Vendor, 'gax'> }
  const { FirestoreClient, FirestoreAdminClient } = v1
  return { gax: createRequire(here.resolve(vendor))('google-gax') as Gax, FirestoreClient, FirestoreAdminClient }
}

export function clientOptions(options: Pick<FirestoreOptions, 'emulator' | 'credentials'>, projectId: string, gax: Gax): object {
  // Between tries the caller waits already: a connection is made anew as soon as it asks.
  const common = { projectId, fallback: false, 'grpc.initial_reconnect_backoff_ms': 100, 'grpc-node.flow_control_window': windowBytes }
  const { emulator, credentials } = options
  if (emulator === undefined) {
    // A connection that has silently died is noticed by its missing answer to a ping.
    const keepAlive = { 'grpc.keepalive_time_ms': 30_000, 'grpc.keepalive_timeout_ms': 10_000 }
    return { ...common, ...keepAlive, ...(credentials === undefined ? {} : { keyFilename: credentials }) }
  }
  const colon = emulator.lastIndexOf(':')
  return {
    ...common,
    servicePath: emulator.slice(0, colon),
    port: Number(emulator.slice(colon + 1)),
    sslCreds: gax.grpc.credentials.createInsecure(),
    // Otherwise the client goes looking for credentials, which takes seconds on a machine that has none.
    authClient: new gax.googleAuthLibrary.PassThroughClient()
  }
}

export function missingProject(): never {
  const message = 'firestore: project: required; set GOOGLE_CLOUD_PROJECT, or write firestore://project-id'
  throw new DocferryError('DOCFERRY_CONFIG', message, { provider: 'firestore' })
}
