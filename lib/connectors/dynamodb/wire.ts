/**
 * One request and its answer: the AWS SDK does the endpoint, the credentials, the signature and the connection, and DynamoDB's own JSON
 * goes through as bytes. The SDK would make and take apart an object for every attribute, which costs more than the rest of the call, and rounds
 * numbers or loses `__proto__` in some of its ways; so one middleware puts our bytes in place of what the SDK would send, and another takes
 * the answer's bytes before the SDK parses them. Errors are left to the SDK.
 *
 * Its middlewares take longer for a request than signing and sending it, though all that they find out is the same each time: so the first request
 * is kept as a form (`RequestForm`), and those that follow are signed and sent by the SDK's signer and transport alone.
 */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { createHash, randomUUID } from 'node:crypto'
import type { IncomingMessage, OutgoingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { DocferryError } from '../../errors.ts'
import type { BufferPool } from '../../kernel/buffer-pool.ts'
import { LooseBytes, PooledBytes, readBytes } from './answer-bytes.ts'
import { CallLimit } from './call-limit.ts'
import { makeCommand } from './commands.ts'
import type { Operation, Sdk } from './commands.ts'

/** The parts of the SDK's requests and responses that are touched here. */
interface HttpRequest {
  readonly method: string
  readonly protocol: string
  readonly hostname: string
  readonly port?: number
  readonly path: string
  readonly query: Readonly<Record<string, string | string[] | null>>
  readonly headers: Record<string, string>
  body: unknown
}
interface HttpResponse {
  readonly statusCode: number
  readonly headers?: Readonly<Record<string, string>>
  body: Readable | Uint8Array
}
interface Step {
  readonly request: HttpRequest
}
type Next = (step: Step) => Promise<{ readonly response: HttpResponse }>
interface Stack {
  add(
    middleware: (next: Next, context: Readonly<Record<string, unknown>>) => Next,
    options: { readonly step: 'serialize' | 'deserialize'; readonly priority: 'low'; readonly name: string }
  ): void
}

/** What the SDK has chosen to sign with. */
interface Scheme {
  readonly httpAuthOption: { readonly signingProperties?: Readonly<Record<string, unknown>> }
  readonly identity: object
  readonly signer: {
    sign(request: HttpRequest, identity: object, properties: Record<string, unknown>): Promise<HttpRequest>
    successHandler?(response: HttpResponse, properties: Record<string, unknown>): void
  }
}

/** A request as the SDK makes it, without what is another's each time. */
interface RequestForm {
  readonly request: HttpRequest
  readonly scheme: Scheme
  /** Whether it tells the body's SHA-256, which the signer takes from there instead of making it. */
  readonly tellsHash: boolean
}

/** Names the operation, and is all that tells requests of two operations apart. */
const operationHeader = 'x-amz-target'
const hashHeader = 'x-amz-content-sha256'
const headerOf = (operation: Operation): string => `DynamoDB_20120810.${operation}`

/** Set for each request anew: by the signer, or here. */
const ownHeaders = [
  'authorization',
  'x-amz-date',
  'x-amz-security-token',
  hashHeader,
  'content-length',
  'amz-sdk-invocation-id',
  operationHeader
]

const emptyAnswer = new TextEncoder().encode('{}')

export interface WireOptions {
  /**
   * Whether all that the client does for a request is the SDK's own: then its first request is a form for the others, and its signer is
   * kept. Not for a client of a user's own, who may have given it middlewares.
   */
  readonly keepsForm: boolean
  /** Told where the SDK really sends to. */
  readonly onHost: (origin: string) => void
}

export interface SendOptions {
  /** The table that it is about. */
  readonly table?: string
  readonly signal?: AbortSignal
  readonly timeoutMs: number
  readonly address: string
  /** Has memory for the answer, which is then the caller's. */
  readonly pool?: BufferPool | undefined
  /** Told the server's time, in the words of its `Date` header, with each answer that has one. */
  readonly onDate?: (date: string) => void
  /** See `CallOptions.onSent`. */
  readonly onSent?: (() => void) | undefined
}

/** One client's requests. */
export class Wire {
  readonly #sdk: Sdk
  readonly #client: DynamoDBClient
  readonly #options: WireOptions
  #form: RequestForm | undefined

  constructor(sdk: Sdk, client: DynamoDBClient, options: WireOptions) {
    this.#sdk = sdk
    this.#client = client
    this.#options = options
    if (options.keepsForm) keepSigner(client)
  }

  /**
   * Send a request once. @returns the answer's bytes
   *
   * @param body JSON
   * @throws whatever the SDK throws, the signal's reason, or DOCFERRY_CONNECT (retryable) when the whole takes longer than `timeoutMs`
   */
  async send(operation: Operation, body: Buffer, options: SendOptions): Promise<Buffer> {
    const { table = '', signal, timeoutMs, address, pool, onDate, onSent } = options
    signal?.throwIfAborted()
    const limit = new CallLimit(signal, timeoutMs, () => tooLate(operation, { timeoutMs, address }))
    const take = (response: HttpResponse): Promise<Buffer> | undefined => {
      const date = response.headers?.date
      if (date !== undefined) onDate?.(date)
      if (response.statusCode !== 200) return undefined
      const bytes = pool ? new PooledBytes(pool, Number(response.headers?.['content-length'])) : new LooseBytes()
      return readBytes(response.body as Readable, bytes, limit)
    }
    try {
      const form = await this.#formFor(table)
      const response = form && (await this.#sendAsBefore(form, operation, body, limit))
      const bytes = response && (await take(response))
      if (!bytes) return await this.#sendByMiddlewares(operation, body, table, { limit, take, response })
      if (onSent && isSent(response.body)) onSent()
      return bytes
    } catch (error) {
      if (limit.aborted) throw limit.reason
      throw error
    } finally {
      limit.close()
    }
  }

  /** With other credentials the endpoint may be another. A table by its ARN may have an endpoint of its own. */
  async #formFor(table: string): Promise<RequestForm | undefined> {
    const form = table.includes(':') ? undefined : this.#form
    return form && form.scheme.identity === (await this.#client.config.credentials()) ? form : undefined
  }

  async #sendAsBefore(
    { request, scheme, tellsHash }: RequestForm,
    operation: Operation,
    body: Buffer,
    abortSignal: CallLimit
  ): Promise<HttpResponse> {
    const { httpAuthOption, identity, signer } = scheme
    const headers = {
      ...request.headers,
      [operationHeader]: headerOf(operation),
      'content-length': String(body.length),
      'amz-sdk-invocation-id': randomUUID(),
      ...(tellsHash && { [hashHeader]: hashOf(body) })
    }
    const properties = { ...httpAuthOption.signingProperties }
    const signed = await signer.sign({ ...request, headers, body }, identity, properties)
    const handler = this.#client.config.requestHandler as unknown as Handler
    const { response } = await handler.handle(signed, { abortSignal })
    if (response.statusCode === 200) signer.successHandler?.(response, properties)
    return response
  }

  /** @param options.response what came already, where it is for the SDK to say what is wrong */
  async #sendByMiddlewares(
    operation: Operation,
    body: Buffer,
    table: string,
    options: {
      readonly limit: CallLimit
      readonly take: (response: HttpResponse) => Promise<Buffer> | undefined
      readonly response: HttpResponse | undefined
    }
  ): Promise<Buffer> {
    const { limit, take } = options
    let bytes: Buffer | undefined
    const command = makeCommand(this.#sdk, operation, table)
    const stack = command.middlewareStack as unknown as Stack
    // `low` runs after the SDK's own serializer, and before its deserializer: nearest to the wire in both steps.
    stack.add(
      next => step => {
        if (step.request.headers['content-type'] !== 'application/x-amz-json-1.0') {
          throw new DocferryError('DOCFERRY_BUG', 'this version of the AWS SDK does not speak JSON to DynamoDB; docferry needs another', {
            provider: 'dynamodb'
          })
        }
        step.request.body = body
        return next(step)
      },
      { step: 'serialize', priority: 'low', name: 'docferryBody' }
    )
    stack.add(
      (next, context) => async step => {
        const { protocol, hostname, port } = step.request
        this.#options.onHost(`${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`)
        const result = options.response ? { response: options.response } : await next(step)
        const { response } = result
        bytes = options.response ? undefined : await take(response)
        if (bytes) {
          response.body = emptyAnswer
          this.#keepForm(operation, table, { signed: step.request, body, context })
        }
        return result
      },
      { step: 'deserialize', priority: 'low', name: 'docferryAnswer' }
    )
    await this.#client.send(command as Parameters<DynamoDBClient['send']>[0], { abortSignal: limit.signal })
    if (bytes === undefined) throw new SyntaxError('an answer without a body')
    return bytes
  }

  #keepForm(
    operation: Operation,
    table: string,
    { signed, body, context }: { readonly signed: HttpRequest; readonly body: Buffer; readonly context: Readonly<Record<string, unknown>> }
  ): void {
    const { selectedHttpAuthScheme: scheme } = context['__smithy_context'] as { readonly selectedHttpAuthScheme?: Scheme }
    if (!this.#options.keepsForm || table.includes(':') || typeof scheme?.signer?.sign !== 'function') return
    if (signed.headers[operationHeader] !== headerOf(operation)) return
    const headers = Object.fromEntries(Object.entries(signed.headers).filter(([name]) => !ownHeaders.includes(name.toLowerCase())))
    const { method, protocol, hostname, port, path, query } = signed
    this.#form = {
      request: { method, protocol, hostname, port, path, query, headers, body: undefined },
      scheme,
      tellsHash: signed.headers[hashHeader] === hashOf(body)
    }
  }
}

function hashOf(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex')
}

/** Whether all of an answered request has left: a server may answer before it has taken it. */
function isSent(answer: HttpResponse['body']): boolean {
  const { req } = answer as Partial<IncomingMessage & { readonly req: OutgoingMessage }>
  return req?.writableFinished === true
}

/** The SDK would make a signer for each request, which takes as long as signing; it remembers nothing of a request. */
function keepSigner({ config }: DynamoDBClient): void {
  const make = config.signer
  let kept: { readonly scheme: Parameters<typeof make>[0]; readonly signer: ReturnType<typeof make> } | undefined
  config.signer = scheme => {
    if (kept?.scheme !== scheme) kept = undefined
    return (kept ??= { scheme, signer: make(scheme) }).signer
  }
}

interface Handler {
  handle(request: HttpRequest, options: { readonly abortSignal: CallLimit }): Promise<{ readonly response: HttpResponse }>
}

function tooLate(operation: Operation, { timeoutMs, address }: Pick<SendOptions, 'timeoutMs' | 'address'>): DocferryError {
  return new DocferryError('DOCFERRY_CONNECT', `DynamoDB (${address}) did not answer ${operation} within ${timeoutMs / 1000} s`, {
    provider: 'dynamodb',
    retryable: true
  })
}
