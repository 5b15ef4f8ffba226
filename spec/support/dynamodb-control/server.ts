/**
 * A server that speaks DynamoDB's JSON 1.0 protocol for backups, exports, imports and restores, which DynamoDB Local does not know. Requests are checked strictly
 * (headers, signature's form, members); what comes of them is `state.ts`. It is our own reading of the vendor's description, and no AWS.
 */
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as zlib from 'node:zlib'
import { isOperation, issuesOf } from './model.ts'
import { Account, Refused, region } from './state.ts'
import type { Json } from './state.ts'

export interface Fault {
  readonly operation: string
  /** The error to answer with; missing: the connection is closed. */
  readonly error?: string
  readonly message?: string
  readonly status?: number
  /** Whether the work is done all the same, so that only its answer is lost. */
  readonly afterWork?: boolean
  /** Of calls of this operation from now on, how many are let through before; default 0. */
  skip?: number
  times?: number
}

export interface Call {
  readonly operation: string
  readonly request: Json
}

export interface ControlServer {
  readonly endpoint: string
  readonly account: Account
  /** Taken in order; one is used up after `times` calls (default 1). */
  readonly faults: Fault[]
  /** What was asked, in order, faults included. */
  readonly calls: readonly Call[]
  /** Called before each answer. */
  onCall: (call: Call) => void
  close(): Promise<void>
}

const credential = new RegExp(
  `^AWS4-HMAC-SHA256 Credential=[^/]+/\\d{8}/${region}/dynamodb/aws4_request, SignedHeaders=[a-z0-9;-]+, Signature=[0-9a-f]{64}$`
)

export async function startControlServer(tables: readonly string[] = []): Promise<ControlServer> {
  const account = new Account()
  for (const name of tables) account.addTable(name)
  const calls: Call[] = []
  const faults: Fault[] = []
  const server = createServer((request, response) => void serve(request, response))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const control: ControlServer = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    account,
    faults,
    calls,
    onCall: () => undefined,
    async close() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    }
  }
  return control

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    try {
      const { operation, body } = understand(request, Buffer.concat(chunks).toString('utf8'))
      const call = { operation, request: body }
      calls.push(call)
      control.onCall(call)
      const fault = takeFault(operation)
      if (fault && !fault.afterWork) return fail(response, fault)
      const answer = work(operation, body)
      if (fault) return fail(response, fault)
      send(response, 200, answer)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      send(response, error.name === 'InternalServerError' ? 500 : 400, {
        __type: `com.amazonaws.dynamodb.v20120810#${error.name}`,
        message: error.message
      })
    }
  }

  function takeFault(operation: string): Fault | undefined {
    const fault = faults.find(each => each.operation === operation)
    if (!fault) return undefined
    if (fault.skip) {
      fault.skip--
      return undefined
    }
    fault.times = (fault.times ?? 1) - 1
    if (fault.times <= 0) faults.splice(faults.indexOf(fault), 1)
    return fault
  }

  function work(operation: string, body: Json): Json {
    if (!isOperation(operation)) throw new Refused('UnknownOperationException', '')
    const issues = issuesOf(operation, body)
    if (issues.length > 0) throw new Refused('ValidationException', `${issues.length} validation errors detected: ${issues.join('; ')}`)
    return account.answer(operation, body)
  }
}

/** @throws {Refused} where the request is none of the protocol */
function understand({ method, url, headers }: IncomingMessage, text: string): { readonly operation: string; readonly body: Json } {
  const operation = /^DynamoDB_20120810\.(\w+)$/.exec(String(headers['x-amz-target']))?.[1]
  if (method !== 'POST' || url !== '/' || operation === undefined)
    throw new Refused('UnknownOperationException', 'no operation of DynamoDB')
  if (headers['content-type'] !== 'application/x-amz-json-1.0') throw new Refused('SerializationException', 'the content type is wrong')
  if (headers.authorization === undefined)
    throw new Refused('MissingAuthenticationTokenException', 'Request is missing Authentication Token')
  if (!credential.test(headers.authorization) || !/^\d{8}T\d{6}Z$/.test(String(headers['x-amz-date'])))
    throw new Refused('IncompleteSignatureException', 'Authorization header is not as it should be')
  try {
    return { operation, body: JSON.parse(text) as Json }
  } catch {
    throw new Refused('SerializationException', 'the body is no JSON')
  }
}

function fail(response: ServerResponse, { error, message = 'as told by the spec', status = 400 }: Fault): void {
  if (error === undefined) response.destroy()
  else send(response, status, { __type: `com.amazonaws.dynamodb.v20120810#${error}`, message })
}

function send(response: ServerResponse, status: number, json: Json): void {
  const body = Buffer.from(JSON.stringify(json))
  response.writeHead(status, {
    'content-type': 'application/x-amz-json-1.0',
    'content-length': body.length,
    'x-amzn-requestid': 'DOCFERRY0SPEC',
    'x-amz-crc32': zlib.crc32(body)
  })
  response.end(body)
}
