import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { expect } from 'chai'
import { inspect } from 'node:util'
import { connect } from '../../../lib/connectors/dynamodb/client.ts'
import { translate } from '../../../lib/connectors/dynamodb/errors.ts'
import { dynamodbConnector } from '../../../lib/connectors/dynamodb/index.ts'
import type { DynamodbOptions } from '../../../lib/connectors/dynamodb/index.ts'
import type { ErrorCode } from '../../../lib/errors.ts'
import type { Document, Encoded, Source, Target } from '../../../lib/types.ts'
import { startFaultProxy } from '../../support/fault-proxy.ts'
import { servers, uniqueName } from '../../support/servers.ts'
import { errorOf, expectCode, fail, fresh, overwrite, refusal, silent, skip, Stub } from './support.ts'
import type { StubAnswer, StubRequest } from './support.ts'

const secret = 'wJalrXUtnFEMI-do-not-show'

describe('dynamodb: a server that fails', () => {
  const open: { close(): Promise<void> }[] = []
  afterEach(async () => {
    for (const end of open.splice(0).reverse()) await end.close()
  })

  async function stubbed(
    script: (request: StubRequest, count: number) => StubAnswer | undefined
  ): Promise<{ stub: Stub; options: DynamodbOptions }> {
    const stub = await Stub.start(script)
    open.push(stub)
    return { stub, options: { endpoint: stub.endpoint, credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: secret } } }
  }

  async function targetOn(
    script: (request: StubRequest, count: number) => StubAnswer | undefined,
    more: DynamodbOptions = {}
  ): Promise<{ stub: Stub; target: Target }> {
    const { stub, options } = await stubbed(script)
    const target = await dynamodbConnector.openTarget({ ...options, ...more }, { logger: silent })
    open.push(target)
    return { stub, target }
  }

  async function sourceOn(
    script: (request: StubRequest, count: number) => StubAnswer | undefined
  ): Promise<{ stub: Stub; source: Source }> {
    const { stub, options } = await stubbed(script)
    const source = await dynamodbConnector.openSource(options, { logger: silent })
    open.push(source)
    return { stub, source }
  }

  const encode = (target: Target, count: number): Encoded[] =>
    Array.from({ length: count }, (_, index) => target.encode('agents', { _id: `d${index}` }) as Encoded)

  async function scan(source: Source): Promise<Document[]> {
    const [partition] = await source.partitions(['agents'], { wanted: 1 })
    const documents: Document[] = []
    for await (const page of source.read(partition!, {})) documents.push(...page.documents)
    return documents
  }

  const page = (ids: string[], last?: string) => ({
    body: { Items: ids.map(S => ({ _id: { S } })), Count: ids.length, ...(last ? { LastEvaluatedKey: { _id: { S: last } } } : {}) }
  })

  it('gives back unprocessed items as failures that may be retried', async () => {
    const { target } = await targetOn(({ operation, body }) => {
      if (operation !== 'BatchWriteItem') return undefined
      const { agents = [] } = body.RequestItems as Record<string, { PutRequest: { Item: { _id: { S: string } } } }[]>
      return { body: { UnprocessedItems: { agents: agents.filter(({ PutRequest }) => PutRequest.Item._id.S.endsWith('7')) } } }
    })
    const outcomes = await target.write('agents', encode(target, 60), fresh)
    outcomes.forEach((outcome, index) => {
      if (index % 10 === 7) expect(outcome).to.include({ code: 'DOCFERRY_THROTTLED', retryable: true })
      else expect(outcome).to.equal('written')
    })
  })

  it('leaves nothing asked of a table that it has made', async () => {
    const { endpoint, region } = await servers.dynamodb()
    const proxy = await startFaultProxy({ target: endpoint })
    open.push(proxy)
    const target = await dynamodbConnector.openTarget({ endpoint: proxy.url, region }, { logger: silent })
    open.push(target)
    const table = uniqueName('made')
    proxy.faults.push({ match: ({ operation }) => operation === 'Scan', times: Infinity, action: { type: 'stall' } })
    const scanned = proxy.waitFor(({ operation }) => operation === 'Scan')
    try {
      expect(await target.prepare(table, { create: true })).to.include({ created: true, empty: true })
      await scanned
      while (proxy.pending > 0) await new Promise(resolve => setImmediate(resolve))
    } finally {
      proxy.faults.length = 0
      await target.dropCollection!(table, {})
    }
  }).timeout(10_000)

  it('throws when everything is throttled, and fails only the throttled part otherwise', async () => {
    let all = true
    const { target } = await targetOn(({ operation }, count) =>
      operation === 'BatchWriteItem' && (all || count % 4 === 1)
        ? refusal('ProvisionedThroughputExceededException', 'slow down')
        : undefined
    )
    expect(await expectCode(target.write('agents', encode(target, 100), fresh), 'DOCFERRY_THROTTLED')).to.have.property('retryable', true)
    all = false
    const outcomes = await target.write('agents', encode(target, 100), overwrite)
    expect(outcomes.filter(outcome => outcome === 'written')).to.have.length(75)
    expect(
      outcomes.filter(outcome => typeof outcome === 'object' && outcome.retryable && outcome.code === 'DOCFERRY_THROTTLED')
    ).to.have.length(25)
  })

  it('sends every request once, without the retries of the SDK', async () => {
    const { stub, target } = await targetOn(({ operation }) =>
      operation === 'BatchWriteItem' ? refusal('ThrottlingException') : undefined
    )
    await expectCode(target.write('agents', encode(target, 3), fresh), 'DOCFERRY_THROTTLED')
    expect(stub.count('BatchWriteItem')).to.equal(1)
  })

  it('takes what conflicts out of a transaction and sends the rest again', async () => {
    const reasons = [
      'None',
      'ConditionalCheckFailed',
      'TransactionConflict',
      'ThrottlingError',
      'ProvisionedThroughputExceeded',
      'ItemCollectionSizeLimitExceeded'
    ]
    for (const options of [skip, fail]) {
      const { stub, target } = await targetOn(({ operation }, count) => {
        if (operation !== 'TransactWriteItems') return undefined
        if (count > 0) return { body: {} }
        return refusal('TransactionCanceledException', 'cancelled', { CancellationReasons: reasons.map(Code => ({ Code })) })
      })
      const [first, second, ...others] = await target.write('agents', encode(target, reasons.length), options)
      expect(first).to.equal('written')
      if (options === skip) expect(second).to.equal('skipped')
      else expect(second).to.include({ code: 'DOCFERRY_CONFLICT', retryable: false })
      expect(others.map(outcome => typeof outcome === 'object' && `${outcome.code} ${outcome.retryable}`)).to.deep.equal([
        'DOCFERRY_THROTTLED true',
        'DOCFERRY_THROTTLED true',
        'DOCFERRY_THROTTLED true',
        'DOCFERRY_REFUSED false'
      ])
      expect(
        stub.requests
          .filter(({ operation }) => operation === 'TransactWriteItems')
          .map(({ body }) => (body.TransactItems as unknown[]).length)
      ).to.deep.equal([6, 1])
    }
  })

  it('puts alone, with the condition, what no transaction takes', async () => {
    const { stub, target } = await targetOn(({ operation, body }) => {
      if (operation === 'TransactWriteItems') return refusal('ValidationException', 'One or more parameter values were invalid')
      if (operation !== 'PutItem') return undefined
      const id = (body.Item as { _id: { S: string } })._id.S
      if (id === 'd1') return refusal('ConditionalCheckFailedException')
      if (id === 'd2') return refusal('ValidationException', 'Type mismatch for Index Key email Expected: S Actual: N IndexName: by-email')
      return { body: {} }
    })
    const [first, second, third] = await target.write('agents', encode(target, 3), skip)
    expect([first, second]).to.deep.equal(['written', 'skipped'])
    expect(third).to.include({ code: 'DOCFERRY_REFUSED', retryable: false })
    expect(third).to.have.property('message').that.includes('email').and.includes('by-email')
    expect(
      stub.requests
        .filter(({ operation }) => operation === 'PutItem')
        .every(({ body }) => body.ConditionExpression === 'attribute_not_exists(#k)')
    ).to.equal(true)
  })

  it('finds the one document that a whole batch is refused for', async () => {
    const { stub, target } = await targetOn(({ operation, body }) => {
      if (operation !== 'BatchWriteItem') return undefined
      return JSON.stringify(body).includes('"d13"')
        ? refusal('ValidationException', 'Supplied AttributeValue is wrong: my secret contents')
        : undefined
    })
    const outcomes = await target.write('agents', encode(target, 25), overwrite)
    expect(outcomes.filter(outcome => outcome === 'written')).to.have.length(24)
    expect(outcomes[13]).to.include({ code: 'DOCFERRY_REFUSED', retryable: false })
    expect(inspect(outcomes[13])).not.to.include('secret contents')
    expect(stub.count('BatchWriteItem')).to.be.lessThan(12)
  })

  for (const options of [skip, fail]) {
    it(`${options.onConflict}: tells of documents behind a 413, which is not the service's, that they may be written by the refused call`, async () => {
      let calls = 0
      const { target } = await targetOn(({ operation }) => {
        if (operation !== 'TransactWriteItems') return undefined
        if (++calls === 1) return { status: 413, body: '<html>too large</html>' }
        const reasons = Array.from({ length: 10 }, () => ({ Code: 'ConditionalCheckFailed' }))
        return { status: 400, body: { __type: 'TransactionCanceledException', message: 'cancelled', CancellationReasons: reasons } }
      })
      for (const outcome of await target.write('agents', encode(target, 20), options))
        expect(outcome).to.include({ code: 'DOCFERRY_CONFLICT', retryable: false, mayBeApplied: true })
    })
  }

  it('ends the call, to be tried again, when the connection is cut', async () => {
    const { target } = await targetOn(({ operation }) => (operation === 'BatchWriteItem' ? response => void response.destroy() : undefined))
    expect(await expectCode(target.write('agents', encode(target, 60), fresh), 'DOCFERRY_CONNECT')).to.have.property('retryable', true)
  })

  const broken: Record<string, StubAnswer> = {
    'a body that is cut': response => {
      response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0', 'content-length': '1000' })
      response.write('{"UnprocessedItems":{}', () => response.destroy())
    },
    'a cut body that ends as if it were whole': { body: '{"UnprocessedItems":{' },
    'a page of a proxy with status 200': { body: '<html>hello</html>' },
    'a page of a proxy with status 502': { status: 502, body: '<html>bad gateway</html>', headers: { 'content-type': 'text/html' } },
    'an answer without what was asked for': { body: '{}' },
    'an internal error': refusal('InternalServerError', '', {}, 500),
    'an answer that never comes': () => undefined,
    'an answer that stops half-way': response => {
      response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0', 'content-length': '1000' })
      response.write('{"Unproc')
    }
  }
  for (const [what, answer] of Object.entries(broken)) {
    it(`may be tried again after ${what}`, async () => {
      const { target } = await targetOn(({ operation }) => (operation === 'BatchWriteItem' ? answer : undefined), { timeoutMs: 300 })
      const error = await errorOf(target.write('agents', encode(target, 3), fresh))
      expect(`${error.code} ${error.retryable}`, error.message).to.equal('DOCFERRY_CONNECT true')
    })
  }

  it('reads on after throttling, cut connections and failures', async () => {
    const troubles: StubAnswer[] = [
      page(['a', 'b'], 'b'),
      refusal('ThrottlingException'),
      response => void response.destroy(),
      { status: 503, body: 'try later', headers: { 'content-type': 'text/plain' } },
      { body: '{"Items":[{"_id":{"S":"c"}' },
      page([], 'b2'),
      page(['c'])
    ]
    const { stub, source } = await sourceOn(({ operation }, count) => (operation === 'Scan' ? troubles[count] : undefined))
    expect((await scan(source)).map(({ _id }) => _id)).to.deep.equal(['a', 'b', 'c'])
    const starts = stub.requests
      .filter(({ operation }) => operation === 'Scan')
      .map(({ body }) => (body.ExclusiveStartKey as { _id: { S: string } } | undefined)?._id.S)
    expect(starts).to.deep.equal([undefined, 'b', 'b', 'b', 'b', 'b', 'b2'])
  })

  it('never takes an answer without items for the end of a table', async () => {
    const { source } = await sourceOn(({ operation }) => (operation === 'Scan' ? { body: {} } : undefined))
    await expectCode(scan(source), 'DOCFERRY_READ')
  })

  it('asks again for keys that were left unprocessed', async () => {
    const { stub, target } = await targetOn(({ operation, body }) => {
      if (operation !== 'BatchGetItem') return undefined
      const { agents } = body.RequestItems as Record<string, { Keys: object[] }>
      const [first, ...rest] = agents?.Keys ?? []
      return { body: { Responses: { agents: [first] }, UnprocessedKeys: rest.length === 0 ? {} : { agents: { Keys: rest } } } }
    })
    expect(await target.get('agents', ['a', 'b', 'c'], {})).to.deep.equal([{ _id: 'a' }, { _id: 'b' }, { _id: 'c' }])
    expect(stub.count('BatchGetItem')).to.equal(3)
  })

  it('tells a document whose attributes it cannot read from the others', async () => {
    const body = { Items: [{ _id: { S: 'good' } }, { _id: { S: 'odd' }, x: { NEW: 'type' } }], Count: 2 }
    const { source } = await sourceOn(({ operation }) => (operation === 'Scan' ? { body } : undefined))
    const [partition] = await source.partitions(['agents'], { wanted: 1 })
    for await (const read of source.read(partition!, {})) {
      expect(read.documents).to.deep.equal([{ _id: 'good' }])
      expect(read.rejects?.map(({ code, where }) => `${code} ${where}`)).to.deep.equal(['DOCFERRY_BAD_DOCUMENT item odd'])
    }
  })

  it('opens where listing tables is not permitted', async () => {
    const { target } = await targetOn(({ operation }) =>
      operation === 'ListTables'
        ? refusal('AccessDeniedException', 'User: arn:aws:iam::123:user/x is not authorized to perform: dynamodb:ListTables on resource: *')
        : undefined
    )
    expect(await target.write('agents', encode(target, 1), fresh)).to.deep.equal(['written'])
  })

  it('says at once that the credentials are refused, and shows no secret', async () => {
    for (const name of [
      'UnrecognizedClientException',
      'InvalidSignatureException',
      'ExpiredTokenException',
      'MissingAuthenticationTokenException'
    ]) {
      const { options } = await stubbed(() => refusal(name, `the key ${secret} is wrong`))
      const error = await expectCode(dynamodbConnector.openTarget(options, { logger: silent }), 'DOCFERRY_AUTH')
      expect(inspect(error, { depth: 10 })).not.to.include(secret)
    }
  })

  it('tries once more with the time of the server when the clock is wrong', async () => {
    const { stub, target } = await targetOn((_, count) =>
      count === 0
        ? refusal('InvalidSignatureException', 'Signature expired: 20260101T000000Z is now earlier than 20260101T010000Z', {})
        : undefined
    )
    expect(stub.count('ListTables')).to.equal(2)
    expect(target.location.provider).to.equal('dynamodb')
  })

  it('speaks of the clock, and of no credentials, where the time of a request is refused', () => {
    const expired = Object.assign(new Error('Signature expired: 20260101T000000Z is now earlier than 20260101T010000Z'), {
      name: 'InvalidSignatureException'
    })
    for (const error of [expired, Object.assign(new Error('x'), { name: 'RequestExpired' })]) {
      const { message } = translate(error, { operation: 'BatchWriteItem', address: 'us-east-1', writing: true })
      expect(message)
        .to.include('the clock of this machine is wrong')
        .and.not.match(/AWS_|credentials/)
    }
  })

  it('says at once that nothing answers', async () => {
    const { stub, options } = await stubbed(() => undefined)
    await stub.close()
    open.length = 0
    const error = await expectCode(dynamodbConnector.openSource(options, { logger: silent }), 'DOCFERRY_CONNECT')
    expect(error.message).to.include(stub.endpoint).and.include('refused')
  })

  it('stops opening when told to', async () => {
    const { options } = await stubbed(() => () => undefined)
    const controller = new AbortController()
    const reason = new Error('enough')
    const opening = dynamodbConnector.openSource(options, { logger: silent, signal: controller.signal })
    controller.abort(reason)
    expect(await opening.catch((error: unknown) => error)).to.equal(reason)
  })

  it('says where it is: region, endpoint, and one identity for two names of this machine', async () => {
    const { stub, options } = await stubbed(() => undefined)
    const port = new URL(stub.endpoint).port
    const one = await connect({ ...options, region: 'eu-west-1' }, { logger: silent })
    const two = await connect({ ...options, region: 'eu-west-1', endpoint: `http://localhost:${port}` }, { logger: silent })
    const other = await connect({ ...options, region: 'us-east-1' }, { logger: silent })
    for (const connection of [one, two, other]) connection.close()
    expect(one.location.address).to.equal(`eu-west-1 at ${stub.endpoint}`)
    expect(one.location.identity).to.equal(two.location.identity).and.not.to.equal(other.location.identity)
  })

  it('needs no credentials for a server on this machine', async () => {
    const { options } = await stubbed(() => undefined)
    const target = await dynamodbConnector.openTarget({ endpoint: options.endpoint }, { logger: silent })
    open.push(target)
    expect(await target.write('agents', encode(target, 1), fresh)).to.deep.equal(['written'])
  })

  it('uses a client that is ready, says where it really is, and leaves it open', async () => {
    const { stub, options } = await stubbed(() => undefined)
    const client = new DynamoDBClient({ ...options, region: 'eu-west-3' })
    open.push({ close: async () => client.destroy() })
    const first = await dynamodbConnector.openTarget({ client }, { logger: silent })
    await first.close()
    const second = await dynamodbConnector.openTarget({ client }, { logger: silent })
    expect(second.location.address).to.equal(`eu-west-3 at ${stub.endpoint}`)
    await second.close()
  })
})

describe('dynamodb: errors', () => {
  const named = (name: string, more: object = {}) => Object.assign(new Error('vendor text'), { name }, more)
  const cases: [string, unknown, ErrorCode, boolean][] = [
    ['throttling', named('ThrottlingException'), 'DOCFERRY_THROTTLED', true],
    ['a busy account', named('RequestLimitExceeded'), 'DOCFERRY_THROTTLED', true],
    ['a transaction under way', named('TransactionInProgressException'), 'DOCFERRY_THROTTLED', true],
    ['no credentials', named('CredentialsProviderError'), 'DOCFERRY_AUTH', false],
    ["a time that is not the server's", named('RequestExpired'), 'DOCFERRY_AUTH', true],
    ['no permission', named('AccessDeniedException'), 'DOCFERRY_PERMISSION', false],
    ['a missing table', named('ResourceNotFoundException'), 'DOCFERRY_TARGET', false],
    ['an internal error', named('InternalServerError', { $metadata: { httpStatusCode: 500 } }), 'DOCFERRY_CONNECT', true],
    ['a name that is not known', Object.assign(new Error('x'), { code: 'ENOTFOUND' }), 'DOCFERRY_CONNECT', true],
    [
      'a refusal on every address',
      Object.assign(new AggregateError([Object.assign(new Error('x'), { code: 'ECONNREFUSED' })]), {}),
      'DOCFERRY_CONNECT',
      true
    ],
    ['a reset', named('TimeoutError', { code: 'ECONNRESET' }), 'DOCFERRY_CONNECT', true],
    ['a time-out', named('TimeoutError'), 'DOCFERRY_CONNECT', true],
    ['a wrong certificate', Object.assign(new Error('x'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }), 'DOCFERRY_CONNECT', false],
    ['no JSON', new SyntaxError('Unexpected token <'), 'DOCFERRY_CONNECT', true],
    ['a refused request', named('ValidationException'), 'DOCFERRY_TARGET', false]
  ]
  for (const [what, error, code, retryable] of cases) {
    it(`calls ${what} ${code}`, () => {
      const translated = translate(error, { operation: 'PutItem', address: 'us-east-1', collection: 'agents', writing: true })
      expect(`${translated.code} ${translated.retryable}`).to.equal(`${code} ${retryable}`)
      expect(inspect(translated, { depth: 10 })).not.to.include('vendor text')
    })
  }
})
