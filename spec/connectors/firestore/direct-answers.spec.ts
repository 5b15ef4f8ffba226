import { EventEmitter } from 'node:events'
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { clientOptions, FirestoreConnection, loadVendor, type AnswerStream, type Stub } from '../../../lib/connectors/firestore/client.ts'
import { DirectAnswers } from '../../../lib/connectors/firestore/direct-answers.ts'
import { PageStream } from '../../../lib/connectors/firestore/page-stream.ts'
import { thrownBy } from './support.ts'

const text = (index: number): string => `message ${index}, ${'x'.repeat(index % 50)}`
const texts = (count: number): string[] => Array.from({ length: count }, (_, index) => text(index))

function frame(message: Buffer, flag = 0): Buffer {
  const header = Buffer.alloc(5)
  header[0] = flag
  header.writeUInt32BE(message.length, 1)
  return Buffer.concat([header, message])
}

const plain = (message: string): Buffer => frame(Buffer.from(message))
const zipped = (message: string): Buffer => frame(gzipSync(message), 1)

interface Opened {
  readonly call: () => AnswerStream
  readonly close: () => Promise<void>
}

/** A server that answers each call with these bytes, and the vendor's client of it. */
async function answering(answer: (stream: ServerHttp2Stream) => void): Promise<Opened> {
  const server: Http2Server = createServer()
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => undefined)
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-encoding': 'gzip' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    answer(stream)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const emulator = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const { gax, FirestoreClient } = loadVendor()
  const client = new FirestoreClient(clientOptions({ emulator }, 'p', gax), gax)
  const connection = new FirestoreConnection((await client.initialize()) as Stub, gax, 'p', { emulator }, () => Promise.resolve())
  return {
    call: () => connection.stream('RunQuery', {}),
    async close() {
      await client.close()
      await new Promise(resolve => server.close(resolve))
    }
  }
}

async function read({ call }: Opened, pageSize = 10): Promise<{ readonly taken: string[]; readonly oneByOne: number }> {
  const stream = call()
  let oneByOne = 0
  stream.on('data', () => oneByOne++)
  const pages = new PageStream<string>(stream, bytes => bytes.toString(), { pageSize, idleTimeoutMs: 5_000 })
  const taken: string[] = []
  for (let page = await pages.next(); page; page = await pages.next()) taken.push(...page.documents)
  return { taken, oneByOne }
}

describe('firestore: answers right from HTTP/2', () => {
  let opened: Opened
  afterEach(() => opened.close())

  it('come past the calls of the installed grpc-js', async () => {
    opened = await answering(stream => stream.end(Buffer.concat(texts(1_000).map(plain))))
    expect(await read(opened)).to.deep.equal({ taken: texts(1_000), oneByOne: 0 })
  })

  it('come through these from a compressed one on, in order', async () => {
    opened = await answering(stream => stream.end(Buffer.concat(texts(95).map((each, index) => (index === 52 ? zipped : plain)(each)))))
    expect(await read(opened)).to.deep.equal({ taken: texts(95), oneByOne: 43 })
  })

  it('go on where a page ends in front of a compressed one that is cut', async () => {
    opened = await answering(stream => {
      const bytes = Buffer.concat(texts(11).map((each, index) => (index === 10 ? zipped : plain)(each)))
      stream.write(bytes.subarray(0, bytes.length - 5))
      setImmediate(() => stream.end(bytes.subarray(bytes.length - 5)))
    })
    expect((await read(opened)).taken).to.deep.equal(texts(11))
  })

  it('are no whole ones where the server ends in the middle of one', async () => {
    opened = await answering(stream => stream.end(plain('message').subarray(0, 9)))
    expect(await thrownBy(read(opened))).to.include({ message: 'an answer was cut' })
  })
})

describe('firestore: answers of a grpc-js that is not known', () => {
  /** @param inner what lies in the call */
  function callWith(inner: object): AnswerStream {
    const call = new EventEmitter()
    return Object.assign(call, { call: inner }) as unknown as AnswerStream
  }

  const http2Stream = { pause: () => undefined, resume: () => undefined }
  const decoder = { write: () => [], readState: 0, maxReadMessageLength: -1 }
  const innermost = { decoder, http2Stream, unpushedReadMessages: [] as Buffer[] }
  const strange: Readonly<Record<string, object>> = {
    'has other parts': { child: { decode: () => undefined } },
    'lies in itself': (() => {
      const call: { child?: object } = {}
      call.child = call
      return call
    })(),
    'is in the middle of a message': { child: { ...innermost, decoder: { ...decoder, readState: 2 } } },
    'has messages waiting': { child: { ...innermost, unpushedReadMessages: [Buffer.alloc(1)] } },
    'has chosen no try': { child: { underlyingCalls: [{ call: innermost }], committedCallIndex: null } }
  }
  for (const [what, inner] of Object.entries(strange))
    it(`come one by one where its call ${what}`, () => {
      const taken: string[] = []
      const call = callWith(inner)
      const answers = new DirectAnswers(call, message => taken.push(message.toString()))
      call.emit('metadata')
      call.emit('data', Buffer.from('one'))
      expect(taken).to.deep.equal(['one'])
      expect(answers.isWhole).to.equal(true)
    })
})
