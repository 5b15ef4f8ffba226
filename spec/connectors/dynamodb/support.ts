/** Help for the specs of the DynamoDB connector: its ends on DynamoDB Local, tables that are removed, and a stub that answers as told. */
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CreateTableCommand, DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { expect } from 'chai'
import { dynamodbConnector } from '../../../lib/connectors/dynamodb/index.ts'
import type { DynamodbOptions } from '../../../lib/connectors/dynamodb/index.ts'
import type { TableKey } from '../../../lib/formats/dynamodb/keys.ts'
import { DocferryError } from '../../../lib/errors.ts'
import type { ErrorCode } from '../../../lib/errors.ts'
import type {
  Document,
  EncodeRules,
  Encoded,
  Logger,
  Partition,
  ReadOptions,
  Source,
  Target,
  WriteOptions,
  WriteOutcome
} from '../../../lib/types.ts'
import { servers, uniqueName } from '../../support/servers.ts'

export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }

export const fresh: WriteOptions = { onConflict: 'skip', fresh: true }
export const skip: WriteOptions = { onConflict: 'skip', fresh: false }
export const fail: WriteOptions = { onConflict: 'fail', fresh: false }
export const overwrite: WriteOptions = { onConflict: 'overwrite', fresh: false }

/** Both ends on DynamoDB Local, and the SDK's own client to look at what is there. */
export class Ends {
  readonly options: DynamodbOptions
  readonly client: DynamoDBClient
  readonly source: Source
  readonly target: Target
  private readonly tables: string[] = []

  private constructor(options: DynamodbOptions, source: Source, target: Target) {
    this.options = options
    this.source = source
    this.target = target
    this.client = new DynamoDBClient(options)
  }

  /** @param rules what the target encodes by */
  static async open(rules?: EncodeRules): Promise<Ends> {
    const { endpoint, region, credentials } = await servers.dynamodb()
    const options = { endpoint, region, credentials }
    const context = { logger: silent }
    const [source, target] = [dynamodbConnector.openSource(options, context), dynamodbConnector.openTarget(options, { ...context, rules })]
    return new Ends(options, await source, await target)
  }

  /** A table of a spec's own, as docferry makes it, or with a key of its own. */
  async table(key?: TableKey): Promise<string> {
    const name = uniqueName('spec')
    this.tables.push(name)
    if (key) {
      await this.client.send(
        new CreateTableCommand({
          TableName: name,
          BillingMode: 'PAY_PER_REQUEST',
          KeySchema: key.map((attribute, index) => ({ AttributeName: attribute.name, KeyType: index === 0 ? 'HASH' : 'RANGE' })),
          AttributeDefinitions: key.map(attribute => ({ AttributeName: attribute.name, AttributeType: attribute.type }))
        })
      )
    }
    await this.target.prepare(name, { create: true })
    return name
  }

  /** A name of a table that is removed at the end, if it is there. */
  name(): string {
    const name = uniqueName('spec')
    this.tables.push(name)
    return name
  }

  encode(table: string, documents: readonly Document[]): Encoded[] {
    return documents.map(document => {
      const encoded = this.target.encode(table, document)
      if ('code' in encoded) throw new Error(`${encoded.code}: ${encoded.message}`)
      return encoded
    })
  }

  write(table: string, documents: readonly Document[], options: WriteOptions): Promise<readonly WriteOutcome[]> {
    return this.target.write(table, this.encode(table, documents), options)
  }

  async read(table: string, wanted = 2): Promise<Document[]> {
    const partitions = await this.source.partitions([table], { wanted })
    return (await Promise.all(partitions.map(partition => readAll(this.source, partition)))).flat()
  }

  async close(): Promise<void> {
    for (const name of this.tables) {
      await this.client.send(new DeleteTableCommand({ TableName: name })).catch((error: unknown) => {
        if ((error as Error).name !== 'ResourceNotFoundException') throw error
      })
    }
    this.client.destroy()
    await this.source.close()
    await this.target.close()
  }
}

export async function readAll(source: Source, partition: Partition, options: ReadOptions = {}): Promise<Document[]> {
  const documents: Document[] = []
  for await (const page of source.read(partition, options)) documents.push(...page.documents)
  return documents
}

/** What `encode` tells of a document's conversions: `double merged a.b`. */
export function conversionsOf(target: Target, table: string, document: Document): string[] {
  const told: string[] = []
  const encoded = target.encode(table, document, (kind, conversion, path) => told.push(`${kind} ${conversion} ${path()}`))
  expect(encoded, 'refused').to.have.property('payload')
  return told
}

export function byId(documents: readonly Document[]): Document[] {
  return [...documents].sort((a, b) => (a._id < b._id ? -1 : 1))
}

/** The DocferryError that a call throws. */
export async function errorOf(work: Promise<unknown> | (() => unknown)): Promise<DocferryError> {
  try {
    await (typeof work === 'function' ? work() : work)
  } catch (error) {
    expect(error).to.be.instanceOf(DocferryError)
    return error as DocferryError
  }
  throw new Error('nothing was thrown')
}

export async function expectCode(work: Promise<unknown> | (() => unknown), code: ErrorCode): Promise<DocferryError> {
  const error = await errorOf(work)
  expect(error.code, error.message).to.equal(code)
  return error
}

/** A request as the stub saw it. */
export interface StubRequest {
  readonly operation: string
  readonly body: Record<string, unknown>
}

/** What the stub answers: a status and a body, or the connection as it likes. */
export type StubAnswer =
  { readonly status?: number; readonly body: unknown; readonly headers?: Record<string, string> } | ((response: ServerResponse) => void)

/** An HTTP server that answers each operation by a script; ListTables and DescribeTable are answered by themselves unless scripted. */
export class Stub {
  readonly requests: StubRequest[] = []
  readonly endpoint: string
  private readonly server
  private readonly script: (request: StubRequest, count: number) => StubAnswer | undefined

  private constructor(server: ReturnType<typeof createServer>, script: (request: StubRequest, count: number) => StubAnswer | undefined) {
    this.server = server
    this.script = script
    this.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  /** @param script gets the request and how many of its operation came before */
  static async start(script: (request: StubRequest, count: number) => StubAnswer | undefined): Promise<Stub> {
    const server = createServer()
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const stub = new Stub(server, script)
    server.on('request', (request, response) => void stub.answer(request, response))
    return stub
  }

  count(operation: string): number {
    return this.requests.filter(request => request.operation === operation).length
  }

  private async answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const operation = String(incoming.headers['x-amz-target']).replace(/^.*\./, '')
    const request = { operation, body: JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown> }
    const count = this.count(operation)
    this.requests.push(request)
    const answer = this.script(request, count) ?? usual(operation)
    if (typeof answer === 'function') return answer(response)
    const { status = 200, body, headers = {} } = answer
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0', ...headers })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  }

  async close(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise<void>(resolve => this.server.close(() => resolve()))
  }
}

function usual(operation: string): StubAnswer {
  if (operation === 'ListTables') return { body: { TableNames: [] } }
  if (operation === 'DescribeTable') {
    const Table = {
      TableStatus: 'ACTIVE',
      KeySchema: [{ AttributeName: '_id', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: '_id', AttributeType: 'S' }]
    }
    return { body: { Table } }
  }
  if (operation === 'Scan') return { body: { Items: [], Count: 0 } }
  return { body: { UnprocessedItems: {} } }
}

/** An error as the service answers it. */
export function refusal(name: string, message = '', more: object = {}, status = 400): StubAnswer {
  return { status, body: { __type: `com.amazonaws.dynamodb.v20120810#${name}`, message, ...more } }
}
