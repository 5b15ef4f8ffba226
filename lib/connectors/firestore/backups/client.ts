/**
 * The connection to Firestore's Admin API: the channel, credentials and messages of the vendor's `v1.FirestoreAdminClient`, with deadlines and
 * retries of ours, as in client.ts and for the same reasons. Its long-running operations are asked for on the same channel.
 */
import { now } from '../../../clock.ts'
import { DocferryError } from '../../../errors.ts'
import { withRetry } from '../../../engine/retry.ts'
import type { Location, Logger, OpenContext } from '../../../types.ts'
import { adminError, isMissing, isNotUnderstood, isRefused, tasks, type AdminTask } from './errors.ts'
import { beginOnce, beginWaits } from './begin-once.ts'
import type { BackupSchedule, Database, Operation, OperationMetadata } from './messages.ts'
import {
  callTimeoutMs,
  clientOptions,
  loadVendor,
  missingProject,
  openTimeoutMs,
  sendUnary,
  type CallSettings,
  type Gax,
  type MethodDefinition,
  type Stub
} from '../client.ts'
import { checkKeyFile, withTimeout } from '../credentials.ts'
import { checkTimes, defaultDatabase, normalHost, type FirestoreAdminClientLike, type FirestoreOptions } from '../options.ts'

/** Of calls that may be sent again: the first try included. All of them together take no longer than one may. */
const attempts = 4

const operationsPerPage = 100

type Methods = Readonly<Record<string, MethodDefinition>>

export interface AdminCall {
  readonly method: string
  readonly request: object
  /** What the service routes the call by: the field of its HTTP path, and what it holds. */
  readonly routing: Readonly<Record<string, string>>
  readonly task: AdminTask
  /** What it is about, for errors. */
  readonly subject?: string
}

export class AdminConnection {
  readonly location: Location
  /** `projects/p` */
  readonly project: string
  /** `projects/p/databases/d` */
  readonly database: string
  readonly #stub: Stub
  readonly #methods: Methods
  readonly #client: FirestoreAdminClientLike
  readonly #gax: Gax
  readonly #logger: Logger
  readonly #options: FirestoreOptions

  constructor(
    parts: { stub: Stub; operations: Stub; client: FirestoreAdminClientLike; gax: Gax; logger: Logger },
    project: string,
    options: FirestoreOptions
  ) {
    const { database = defaultDatabase, admin } = options
    this.#stub = parts.stub
    this.#methods = { ...parts.operations.constructor.service, ...parts.stub.constructor.service }
    this.#client = parts.client
    this.#gax = parts.gax
    this.#logger = parts.logger
    this.#options = options
    this.project = `projects/${project}`
    this.database = `${this.project}/databases/${database}`
    this.location = {
      provider: 'firestore',
      address: `project ${project}, database ${database}${admin === undefined ? '' : `, Admin API at ${admin}`}`,
      identity: `firestore://${admin === undefined ? 'service' : normalHost(admin)}/${project}/${database}`
    }
  }

  /** Ask for something that changes nothing; tried again within the time of one call. @throws as `adminError` says; the signal's reason */
  ask<Answer>(call: AdminCall, { signal, timeoutMs = this.#options.timeoutMs ?? callTimeoutMs }: CallSettings): Promise<Answer> {
    const until = now() + timeoutMs
    return withRetry(() => this.#send<Answer>(call, { signal, timeoutMs: until - now() }), { signal, attempts })
  }

  /**
   * Ask for a change that is one, however often it is asked for.
   *
   * @param isMade whether the refusal of a later try says that one whose answer was lost has made it
   * @returns undefined where only such a refusal came back
   * @throws as `ask`
   */
  change<Answer>(
    call: AdminCall,
    { signal, timeoutMs = this.#options.timeoutMs }: CallSettings,
    isMade: (error: unknown) => boolean = () => false
  ): Promise<Answer | undefined> {
    const send = async (attempt: number): Promise<Answer | undefined> => {
      try {
        return await this.#send<Answer>(call, { signal, timeoutMs })
      } catch (error) {
        if (attempt === 1 || !isMade(error)) throw error
        return undefined
      }
    }
    return withRetry(send, { signal, attempts })
  }

  /** Begin what each call begins anew. @param look all that there is of its kind @throws as `beginOnce` */
  begin<Answer extends { readonly name: string }>(
    call: AdminCall,
    { signal, timeoutMs = this.#options.timeoutMs }: CallSettings,
    look: () => Promise<readonly Answer[]>
  ): Promise<Answer> {
    const onRetry = ({ code }: DocferryError, delayMs: number): void =>
      this.#logger.info({ code, delayMs: Math.round(delayMs) }, `Firestore: asking for ${call.method} again`)
    return beginOnce({ send: () => this.#send<Answer>(call, { signal, timeoutMs }), look }, { signal, ...beginWaits, onRetry })
  }

  /** Begin an operation. @param isIt whether another could be the same, by what it tells of itself; all of the database are asked */
  beginOperation(
    call: AdminCall,
    settings: CallSettings,
    isIt: (metadata: OperationMetadata) => boolean,
    database = this.database
  ): Promise<Operation> {
    return this.begin<Operation>(call, settings, async () => {
      const operations = await this.operations(settings, { database, warns: false })
      return operations.filter(operation => {
        const metadata = this.metadataOf(operation)
        return metadata !== undefined && isIt(metadata)
      })
    })
  }

  /** @throws {DocferryError} of which `isMissing` where there is none */
  describeDatabase(name: string, settings: CallSettings): Promise<Database> {
    const call = { method: 'GetDatabase', request: { name }, routing: { name }, task: tasks.look, subject: name }
    return this.ask<Database>(call, settings)
  }

  describeOperation(name: string, settings: CallSettings): Promise<Operation> {
    const call = { method: 'GetOperation', request: { name }, routing: { name }, task: tasks.operations, subject: name }
    return this.ask<Operation>(call, settings)
  }

  /**
   * All of the database, of the last 30 days. By Google's description the service tells of those that are done only where it is asked for them,
   * by a filter in these words.
   */
  async operations(
    settings: CallSettings,
    { database = this.database, warns = true }: { readonly database?: string; readonly warns?: boolean } = {}
  ): Promise<Operation[]> {
    const byName = new Map<string, Operation>()
    for (const filter of ['', 'done: true']) {
      try {
        await this.#operationsOf(database, filter, byName, settings)
      } catch (error) {
        if (filter === '' || !isNotUnderstood(error)) throw error
        if (warns) this.#logger.warn({}, `perhaps not in the list: exports, imports and restores that are done; ${error.message}`)
      }
    }
    return [...byName.values()]
  }

  async #operationsOf(database: string, filter: string, byName: Map<string, Operation>, settings: CallSettings): Promise<void> {
    let pageToken = ''
    do {
      const request = { name: database, filter, pageSize: operationsPerPage, pageToken }
      const call = { method: 'ListOperations', request, routing: { name: database }, task: tasks.operations }
      const page = await this.ask<{ operations: Operation[]; nextPageToken: string }>(call, settings)
      for (const operation of page.operations) byName.set(operation.name, operation)
      pageToken = page.nextPageToken
    } while (pageToken !== '')
  }

  async schedules(settings: CallSettings): Promise<readonly BackupSchedule[]> {
    const parent = this.database
    const call = { method: 'ListBackupSchedules', request: { parent }, routing: { parent }, task: tasks.schedules }
    const { backupSchedules } = await this.ask<{ backupSchedules: readonly BackupSchedule[] }>(call, settings)
    return backupSchedules
  }

  /** What an operation tells of itself, in the form of the message that its kind has; undefined for kinds that are none of ours. */
  metadataOf({ metadata }: Operation): OperationMetadata | undefined {
    const type = metadata?.type_url.split('.').pop()
    const method = type === undefined ? undefined : methodOf[type]
    if (method === undefined || metadata === null) return undefined
    const told = this.#client.descriptors.longrunning[method]!.metadataDecoder(metadata.value).toJSON()
    return { ...told, method }
  }

  async close(): Promise<void> {
    if (this.#options.adminClient === undefined) await this.#client.close()
  }

  async #send<Answer>(call: AdminCall, settings: CallSettings): Promise<Answer> {
    const definition = this.#methods[call.method]
    if (definition === undefined) throw new DocferryError('DOCFERRY_BUG', `Firestore's Admin client has no method ${call.method}`)
    const { path, requestSerialize, responseDeserialize } = definition
    const metadata = new this.#gax.grpc.Metadata()
    const routing = Object.entries(call.routing).map(([field, value]) => `${field}=${encodeURIComponent(value)}`)
    metadata.set('x-goog-request-params', routing.join('&'))
    try {
      return responseDeserialize(
        await sendUnary(this.#stub, { path, request: requestSerialize(call.request), metadata }, settings)
      ) as Answer
    } catch (error) {
      throw adminError(error, { task: call.task, subject: call.subject, address: this.location.address })
    }
  }
}

/** The method that begins an operation, by the last part of its metadata's type. */
const methodOf: Readonly<Record<string, OperationMetadata['method']>> = {
  ExportDocumentsMetadata: 'exportDocuments',
  ImportDocumentsMetadata: 'importDocuments',
  RestoreDatabaseMetadata: 'restoreDatabase',
  CloneDatabaseMetadata: 'cloneDatabase'
}

/**
 * Connect, and ask for the database, so that a wrong address or refused credentials show at once. A database that is gone or may not be looked
 * at keeps nobody out: its backups outlive it, and roles for backups alone don't show it.
 *
 * @throws {DocferryError} DOCFERRY_CONFIG; DOCFERRY_CONNECT or DOCFERRY_AUTH, within `openTimeoutMs`
 */
export async function connectAdmin(options: FirestoreOptions, { signal, logger }: OpenContext): Promise<AdminConnection> {
  signal?.throwIfAborted()
  checkTimes(options)
  checkHasAdmin(options)
  const { gax, FirestoreAdminClient } = loadVendor()
  const project = (await checkKeyFile(options)) ?? missingProject()
  const settings = clientOptions({ emulator: options.admin, credentials: options.credentials }, project, gax)
  const client = options.adminClient ?? new FirestoreAdminClient(settings, gax)
  try {
    const stub = (await withTimeout(client.initialize(), openTimeoutMs, signal)) as Stub
    const operations = (await withTimeout(client.operationsClient.operationsStub, openTimeoutMs, signal)) as Stub
    const connection = new AdminConnection({ stub, operations, client, gax, logger }, project, options)
    await lookOnce(connection, logger, { signal, timeoutMs: Math.min(options.timeoutMs ?? openTimeoutMs, openTimeoutMs) })
    return connection
  } catch (error) {
    // Closing a client that never connected raises the same error again.
    if (options.adminClient === undefined) await client.close().catch(() => undefined)
    throw error
  }
}

async function lookOnce(connection: AdminConnection, logger: Logger, settings: CallSettings): Promise<void> {
  try {
    await connection.describeDatabase(connection.database, settings)
  } catch (error) {
    if (!isMissing(error) && !isRefused(error)) throw error
    logger.debug({ error: error.message }, 'Firestore: the database itself cannot be looked at')
  }
}

function checkHasAdmin({ emulator, admin, adminClient }: FirestoreOptions): void {
  if (emulator === undefined || admin !== undefined || adminClient !== undefined) return
  const message =
    `firestore: the emulator ${emulator} has no Admin API: it makes no backups, exports or imports. For the service itself, unset ` +
    'FIRESTORE_EMULATOR_HOST, or write emulator=none in the address. docferry export keeps what an emulator holds in files'
  throw new DocferryError('DOCFERRY_CONFIG', message, { provider: 'firestore' })
}
