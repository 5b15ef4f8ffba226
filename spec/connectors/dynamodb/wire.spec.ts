import * as sdk from '@aws-sdk/client-dynamodb'
import { expect } from 'chai'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Wire } from '../../../lib/connectors/dynamodb/wire.ts'
import type { Operation } from '../../../lib/connectors/dynamodb/commands.ts'

interface Seen {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: Record<string, unknown>
  readonly body: string
}

/** Of each request, or of each as it is signed. */
const changing = ['amz-sdk-invocation-id', 'x-amz-date', 'authorization']

describe('dynamodb: requests', () => {
  const seen: Seen[] = []
  let answer: (response: ServerResponse) => void
  const server = createServer((request, response) => void take(request, response))
  let endpoint: string
  const clients: sdk.DynamoDBClient[] = []

  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    seen.push({ method: request.method, url: request.url, headers: request.headers, body: Buffer.concat(chunks).toString() })
    answer(response)
  }
  const whole =
    (body: string, status = 200) =>
    (response: ServerResponse): void => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-requestid': 'r1' })
      response.end(body)
    }

  before(async () => {
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  beforeEach(() => {
    seen.length = 0
    answer = whole('{"ok":1}')
  })
  afterEach(() => {
    for (const client of clients.splice(0)) client.destroy()
  })
  after(async () => {
    server.closeAllConnections()
    await new Promise<void>(resolve => server.close(() => resolve()))
  })

  function wireOf(
    keepsForm: boolean,
    credentials: sdk.DynamoDBClientConfig['credentials'] = { accessKeyId: 'AKID', secretAccessKey: 'secret' }
  ): Wire {
    const client = new sdk.DynamoDBClient({ region: 'eu-west-1', endpoint, credentials, maxAttempts: 1 })
    clients.push(client)
    return new Wire(sdk, client, { keepsForm, onHost: () => undefined })
  }
  const send = async (wire: Wire, body: string, operation: Operation = 'BatchWriteItem', signal?: AbortSignal): Promise<string> =>
    String(await wire.send(operation, Buffer.from(body), { table: 'agents', timeoutMs: 5_000, address: 'here', signal }))
  const unsigned = ({ headers, ...rest }: Seen): object => ({
    ...rest,
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !changing.includes(name)))
  })
  const errorOf = async (work: Promise<unknown>): Promise<Record<string, unknown> & Error> =>
    await work.then(
      () => expect.fail('nothing was thrown'),
      (error: unknown) => error as Record<string, unknown> & Error
    )

  it('sends every operation by the form of another just as the middlewares send it', async () => {
    const operations: readonly Operation[] = [
      ...(['ListTables', 'DescribeTable', 'Scan', 'BatchWriteItem', 'TransactWriteItems', 'PutItem', 'DeleteItem'] as const),
      ...(['BatchGetItem', 'CreateTable', 'DeleteTable', 'DescribeContinuousBackups', 'DescribeTimeToLive', 'ListTables'] as const)
    ]
    for (const wire of [wireOf(true), wireOf(false)])
      for (const operation of operations)
        for (const body of ['{"a":1}', '{"é":"longer"}']) expect(await send(wire, body, operation)).to.equal('{"ok":1}')
    const half = 2 * operations.length
    expect(seen.slice(0, half).map(unsigned)).to.deep.equal(seen.slice(half).map(unsigned))
    expect(new Set(seen.map(({ headers }) => headers['x-amz-target'])).size).to.equal(operations.length - 1)
    expect(new Set(seen.map(({ headers }) => headers['amz-sdk-invocation-id'])).size).to.equal(seen.length)
  })

  it('signs each request by itself, as the SDK does', async () => {
    const wire = wireOf(true)
    for (const body of ['{"a":1}', '{"a":2}']) await send(wire, body)
    const [first, second] = seen.map(({ headers }) => String(headers.authorization))
    const parts =
      /^AWS4-HMAC-SHA256 Credential=AKID\/\d{8}\/eu-west-1\/dynamodb\/aws4_request, SignedHeaders=(\S+), Signature=[0-9a-f]{64}$/
    expect(second).to.match(parts)
    expect(parts.exec(second!)?.[1]).to.equal(parts.exec(first!)?.[1])
    expect(second).not.to.equal(first)
  })

  it('has the SDK make a new form when the credentials have changed', async () => {
    let key = 'FIRST'
    const credentials = () =>
      Promise.resolve({ accessKeyId: key, secretAccessKey: 's', sessionToken: `of ${key}`, expiration: new Date(0) })
    const wire = wireOf(true, credentials)
    await send(wire, '{}')
    key = 'SECOND'
    await send(wire, '{}')
    expect(seen.map(({ headers }) => /Credential=(\w+)/.exec(String(headers.authorization))?.[1])).to.deep.equal(['FIRST', 'SECOND'])
    expect(seen.map(({ headers }) => headers['x-amz-security-token'])).to.deep.equal(['of FIRST', 'of SECOND'])
  })

  /** How many of three requests go through the client's middlewares. */
  async function passing(wire: Wire): Promise<number> {
    let passed = 0
    clients.at(-1)!.middlewareStack.add(
      next => args => {
        passed++
        return next(args)
      },
      { step: 'build', name: 'counting' }
    )
    for (const body of ['{}', '{}', '{}']) await send(wire, body)
    return passed
  }

  it('has the middlewares make the first request only', async () => {
    expect(await passing(wireOf(true))).to.equal(1)
    expect(await passing(wireOf(true, () => Promise.resolve({ accessKeyId: 'PROVIDED', secretAccessKey: 's' })))).to.equal(1)
  })

  it('leaves every request of a client of a user’s own to its middlewares', async () => {
    expect(await passing(wireOf(false))).to.equal(3)
  })

  const answers: Record<string, (response: ServerResponse) => void> = {
    throttling: whole('{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slow"}', 400),
    'a cancelled transaction': whole(
      '{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","CancellationReasons":[{"Code":"None"}]}',
      400
    ),
    'a refusal': whole('{"__type":"com.amazon.coral.validate#ValidationException","message":"no"}', 400),
    'an internal error': whole('{"__type":"InternalServerError"}', 500),
    'a page of a proxy': whole('<html>', 502),
    'a status that means nothing': whole('{}', 204),
    'a connection that is cut': response => void response.destroy(),
    'an answer that is cut': response => {
      response.writeHead(200, { 'content-length': '1000' })
      response.write('{"Un', () => response.destroy())
    },
    'an error that is cut': response => {
      response.writeHead(400, { 'content-length': '1000' })
      response.write('{"__t', () => response.destroy())
    }
  }
  for (const [what, bad] of Object.entries(answers)) {
    it(`throws by a form what the middlewares throw for ${what}`, async () => {
      const told: object[] = []
      for (const wire of [wireOf(true), wireOf(false)]) {
        answer = whole('{}')
        await send(wire, '{}')
        answer = bad
        const { name, message, code, CancellationReasons, $metadata } = await errorOf(send(wire, '{}'))
        const status = ($metadata as { httpStatusCode?: number } | undefined)?.httpStatusCode
        told.push({ name, message, code, CancellationReasons, status })
      }
      expect(told[0]).to.deep.equal(told[1])
      expect(seen).to.have.length(4)
    })
  }

  it('stops a request by a form when it is told to', async () => {
    const wire = wireOf(true)
    await send(wire, '{}')
    const controller = new AbortController()
    const reason = new Error('enough')
    answer = () => controller.abort(reason)
    expect(await errorOf(send(wire, '{}', 'BatchWriteItem', controller.signal))).to.equal(reason)
    answer = response => {
      response.writeHead(200, { 'content-length': '1000' })
      response.write('{', () => second.abort(reason))
    }
    const second = new AbortController()
    expect(await errorOf(send(wire, '{}', 'BatchWriteItem', second.signal))).to.equal(reason)
  })

  /** Whether it is said that the bytes of a request by a form may be used again, when its answer is there. */
  async function isFree(wire: Wire, body: Buffer): Promise<boolean> {
    let free = false
    const onSent = (): void => void (free = true)
    await wire.send('BatchWriteItem', body, { table: 'agents', timeoutMs: 5_000, address: 'here', onSent }).catch(() => undefined)
    return free
  }

  it('gives a request’s bytes back when it is answered', async () => {
    const wire = wireOf(true)
    await send(wire, '{}')
    expect(await isFree(wire, Buffer.alloc(100_000, ' '))).to.equal(true)
  })

  it('keeps the bytes of a request that failed', async () => {
    const wire = wireOf(true)
    await send(wire, '{}')
    answer = whole('{"__type":"InternalServerError"}', 500)
    expect(await isFree(wire, Buffer.from('{}'))).to.equal(false)
    answer = response => void response.destroy()
    expect(await isFree(wire, Buffer.from('{}'))).to.equal(false)
  })

  it('keeps the bytes of a request that is answered before it is sent', async () => {
    const hasty = createServer((request, response) => {
      if (request.headers['content-length'] === '2') request.resume().on('end', () => whole('{}')(response))
      else whole('{}')(response)
    })
    await new Promise<void>(resolve => hasty.listen(0, '127.0.0.1', resolve))
    const own = `http://127.0.0.1:${(hasty.address() as AddressInfo).port}`
    const client = new sdk.DynamoDBClient({ region: 'eu-west-1', endpoint: own, credentials: { accessKeyId: 'a', secretAccessKey: 's' } })
    clients.push(client)
    const wire = new Wire(sdk, client, { keepsForm: true, onHost: () => undefined })
    try {
      await send(wire, '{}')
      expect(await isFree(wire, Buffer.alloc(64 * 1024 * 1024, ' '))).to.equal(false)
    } finally {
      hasty.closeAllConnections()
      await new Promise<void>(resolve => hasty.close(() => resolve()))
    }
  })

  it('gives up a request by a form that gets no answer in time', async () => {
    const wire = wireOf(true)
    await send(wire, '{}')
    answer = () => undefined
    const late = wire.send('BatchWriteItem', Buffer.from('{}'), { table: 'agents', timeoutMs: 100, address: 'here' })
    expect(await errorOf(late)).to.include({ code: 'DOCFERRY_CONNECT', retryable: true })
  })
})
