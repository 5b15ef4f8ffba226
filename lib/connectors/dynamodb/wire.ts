/**
 * One request and its answer: the AWS SDK does the endpoint, the credentials, the signature and the connection, and DynamoDB's own JSON
 * goes through as text. The SDK would make and take apart an object for every attribute, which costs more than the rest of the call, and rounds
 * numbers or loses `__proto__` in some of its ways; so one middleware puts our text in place of what the SDK would send, and another takes
 * the answer's bytes before the SDK parses them. Errors are left to the SDK.
 */
import type * as AwsSdk from '@aws-sdk/client-dynamodb'
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DocferryError } from '../../errors.ts'

export type Sdk = typeof AwsSdk

export type Operation =
  | 'BatchGetItem'
  | 'BatchWriteItem'
  | 'CreateTable'
  | 'DeleteItem'
  | 'DeleteTable'
  | 'DescribeContinuousBackups'
  | 'DescribeTable'
  | 'DescribeTimeToLive'
  | 'ListTables'
  | 'PutItem'
  | 'Scan'
  | 'TransactWriteItems'

/** The least input with which the SDK finds the endpoint; the body is ours. */
function makeCommand(sdk: Sdk, operation: Operation, table: string) {
  switch (operation) {
    case 'BatchGetItem':
      return new sdk.BatchGetItemCommand({ RequestItems: { [table]: { Keys: [] } } })
    case 'BatchWriteItem':
      return new sdk.BatchWriteItemCommand({ RequestItems: { [table]: [] } })
    case 'CreateTable':
      return new sdk.CreateTableCommand({ TableName: table })
    case 'DeleteItem':
      return new sdk.DeleteItemCommand({ TableName: table, Key: {} })
    case 'DeleteTable':
      return new sdk.DeleteTableCommand({ TableName: table })
    case 'DescribeContinuousBackups':
      return new sdk.DescribeContinuousBackupsCommand({ TableName: table })
    case 'DescribeTimeToLive':
      return new sdk.DescribeTimeToLiveCommand({ TableName: table })
    case 'DescribeTable':
      return new sdk.DescribeTableCommand({ TableName: table })
    case 'ListTables':
      return new sdk.ListTablesCommand({})
    case 'PutItem':
      return new sdk.PutItemCommand({ TableName: table, Item: {} })
    case 'Scan':
      return new sdk.ScanCommand({ TableName: table })
    case 'TransactWriteItems':
      return new sdk.TransactWriteItemsCommand({ TransactItems: [{ Put: { TableName: table, Item: {} } }], ClientRequestToken: 'unused' })
  }
}

/** The parts of the SDK's requests and responses that the two middlewares touch. */
interface HttpRequest {
  readonly protocol: string
  readonly hostname: string
  readonly port?: number
  readonly headers: Record<string, string>
  body: unknown
}
interface HttpResponse {
  readonly statusCode: number
  readonly headers?: Readonly<Record<string, string>>
  body: AsyncIterable<Uint8Array> & { destroy?(reason: Error): void }
}
interface Step {
  readonly request: HttpRequest
}
type Next = (step: Step) => Promise<{ readonly response: HttpResponse }>
interface Stack {
  add(
    middleware: (next: Next) => Next,
    options: { readonly step: 'serialize' | 'deserialize'; readonly priority: 'low'; readonly name: string }
  ): void
}

const emptyAnswer = new TextEncoder().encode('{}')

export interface SendOptions {
  readonly signal?: AbortSignal
  readonly timeoutMs: number
  readonly address: string
  /** Told where the SDK really sends to. */
  readonly onHost: (origin: string) => void
  /** Told the server's time, in the words of its `Date` header, with each answer that has one. */
  readonly onDate?: (date: string) => void
}

/**
 * Send a request once. @returns the answer's text
 *
 * @throws whatever the SDK throws, the signal's reason, or DOCFERRY_CONNECT (retryable) when the whole takes longer than `timeoutMs`
 */
export async function sendText(
  sdk: Sdk,
  client: DynamoDBClient,
  operation: Operation,
  body: string,
  table = '',
  { signal, timeoutMs, address, onHost, onDate }: SendOptions
): Promise<string> {
  signal?.throwIfAborted()
  const controller = new AbortController()
  const giveUp = () => controller.abort(signal?.reason)
  signal?.addEventListener('abort', giveUp, { once: true })
  const timer = setTimeout(() => {
    const seconds = timeoutMs / 1000
    controller.abort(
      new DocferryError('DOCFERRY_CONNECT', `DynamoDB (${address}) did not answer ${operation} within ${seconds} s`, {
        provider: 'dynamodb',
        retryable: true
      })
    )
  }, timeoutMs)
  let text: string | undefined
  const command = makeCommand(sdk, operation, table)
  const stack = command.middlewareStack as unknown as Stack
  // `low` runs after the SDK's own serializer, and before its deserializer: nearest to the wire in both steps.
  stack.add(
    next => step => {
      if (step.request.headers['content-type'] !== 'application/x-amz-json-1.0') {
        throw new DocferryError('DOCFERRY_BUG', 'this version of the AWS SDK does not speak JSON to DynamoDB; docferry needs another', {
          provider: 'dynamodb'
        })
      }
      step.request.body = Buffer.from(body)
      return next(step)
    },
    { step: 'serialize', priority: 'low', name: 'docferryBody' }
  )
  stack.add(
    next => async step => {
      const { protocol, hostname, port } = step.request
      onHost(`${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`)
      const result = await next(step)
      const { response } = result
      if (response.headers?.date !== undefined) onDate?.(response.headers.date)
      if (response.statusCode === 200) {
        text = await readText(response.body, controller.signal)
        response.body = emptyAnswer as unknown as HttpResponse['body']
      }
      return result
    },
    { step: 'deserialize', priority: 'low', name: 'docferryAnswer' }
  )
  try {
    await client.send(command as Parameters<DynamoDBClient['send']>[0], { abortSignal: controller.signal })
    if (text === undefined) throw new SyntaxError('an answer without a body')
    return text
  } catch (error) {
    if (controller.signal.aborted) throw controller.signal.reason
    throw error
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', giveUp)
  }
}

async function readText(body: HttpResponse['body'], signal: AbortSignal): Promise<string> {
  const stop = () => body.destroy?.(new Error('given up'))
  signal.addEventListener('abort', stop, { once: true })
  try {
    const chunks: Uint8Array[] = []
    for await (const chunk of body) chunks.push(chunk)
    return Buffer.concat(chunks).toString('utf8')
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
