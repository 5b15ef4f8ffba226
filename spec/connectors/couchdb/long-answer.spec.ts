import { once } from 'node:events'
import { request } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { expect } from 'chai'
import fc from 'fast-check'
import { guardRequest } from '../../../lib/connectors/couchdb/guard.ts'
import { BufferPool } from '../../../lib/kernel/buffer-pool.ts'
import { askLong } from '../../../lib/connectors/couchdb/long-answer.ts'
import { selfSigned } from '../../support/certificate.ts'
import { allDocs, document, errorOf, openSource } from './stub.ts'

/** What comes of a request: an answer, how reading it failed, or that it is left to `node:http`. */
type Outcome = { readonly status: number; readonly type: string | undefined; readonly body: string } | { readonly error: Error } | 'odd'

describe('couchdb: long answers', function () {
  this.timeout(60_000)
  /** What the server does with a request. */
  let serve: (socket: Socket, asked: string) => void
  let server: Server
  let url: string
  const sockets = new Set<Socket>()
  const accept = (socket: Socket): void => {
    sockets.add(socket.on('error', () => undefined).on('close', () => sockets.delete(socket)))
    let asked = ''
    socket.on('data', (bytes: Buffer) => {
      asked += bytes.toString('latin1')
      if (asked.endsWith('\r\n\r\n')) serve(socket, asked)
    })
  }
  before(async () => {
    server = createServer(accept)
    await once(server.listen(0, '127.0.0.1'), 'listening')
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  after(async () => {
    for (const socket of sockets) socket.destroy()
    await once(server.close(), 'close')
  })

  /** Write pieces so that they come one by one, and close the connection. */
  const inPieces = (bytes: Buffer, cuts: readonly number[]) => (socket: Socket) => {
    socket.setNoDelay()
    const edges = [0, ...cuts.map(cut => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
    const write = (index: number): void => {
      if (index + 1 >= edges.length) return void socket.end()
      socket.write(bytes.subarray(edges[index], edges[index + 1]), () => setImmediate(write, index + 1))
    }
    write(0)
  }

  async function ask(path = '/x', at = url): Promise<Outcome> {
    const guard = guardRequest([])
    try {
      const answer = await askLong(at, path, { headers: { accept: 'application/json' }, signal: guard.signal, pool: new BufferPool(2) })
      if (!answer) return 'odd'
      const pieces: Buffer[] = []
      for await (const piece of answer.body(guard, 5_000)) pieces.push(Buffer.from(piece))
      return { status: answer.statusCode, type: answer.headers['content-type'], body: Buffer.concat(pieces).toString('latin1') }
    } catch (error) {
      return { error: error as Error }
    } finally {
      guard.end()
    }
  }

  function askNode(path = '/x'): Promise<Outcome> {
    return new Promise(resolve => {
      const asking = request(url + path, { agent: false }, answer => {
        let body = ''
        answer.setEncoding('latin1').on('data', (text: string) => (body += text))
        answer.on('error', (error: Error) => resolve({ error }))
        answer.on('end', () => resolve({ status: answer.statusCode!, type: answer.headers['content-type'], body }))
      })
      asking.on('error', (error: Error) => resolve({ error })).end()
    })
  }

  const chunk = fc.record({
    text: fc.string({ unit: fc.constantFrom('a', '\n', '\r', '0', ';', ':', 'é'), minLength: 1, maxLength: 40 }),
    extension: fc.constantFrom('', '', '', ';a=b', ';x'),
    upper: fc.boolean()
  })
  const framed = fc.oneof(
    fc
      .record({
        chunks: fc.array(chunk, { maxLength: 6 }),
        trailer: fc.constantFrom('', '', 'x-after: 1\r\n'),
        end: fc.constantFrom('0', '000')
      })
      .map(({ chunks, trailer, end }) => {
        const parts = chunks.map(({ text, extension, upper }) => {
          const size = Buffer.byteLength(text).toString(16)
          return `${upper ? size.toUpperCase() : size}${extension}\r\n${text}\r\n`
        })
        return `transfer-encoding: chunked\r\n\r\n${parts.join('')}${end}\r\n${trailer}\r\n`
      }),
    fc.string({ maxLength: 60 }).map(text => `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`),
    fc.string({ maxLength: 20 }).map(text => `\r\n${text}`)
  )
  const status = fc.constantFrom(
    'HTTP/1.1 200 OK',
    'HTTP/1.1 200',
    'HTTP/1.1 404 Object Not Found',
    'HTTP/1.0 200 OK',
    'HTTP/1.1 204 No Content'
  )
  /** What a byte, or the rest, is replaced by. */
  const spoilt = fc.option(fc.record({ at: fc.nat(300), by: fc.constantFrom('', '\0', '\n', '\r\n', ' ', 'g', '5', ':', 'chunked') }), {
    freq: 2
  })

  it('are read as node:http reads them, or not at all', async () => {
    let whole = 0
    await fc.assert(
      fc.asyncProperty(status, framed, spoilt, fc.array(fc.nat(400), { maxLength: 6 }), async (line, rest, spoil, cuts) => {
        const sound = `${line}\r\nContent-Type: application/json\r\nConnection: close\r\n${rest}`
        const text = spoil ? sound.slice(0, spoil.at) + spoil.by + sound.slice(spoil.at + 1) : sound
        serve = inPieces(Buffer.from(text), cuts)
        const [ours, theirs] = [await ask(), await askNode()]
        if (typeof ours === 'object' && 'body' in ours) {
          // It may look at what comes behind the end, and does not like it.
          if ('error' in (theirs as object)) expect(theirs).to.have.nested.property('error.code', 'HPE_CLOSED_CONNECTION')
          else expect(ours).to.deep.equal(theirs)
          whole++
        } else if (!spoil && line.startsWith('HTTP/1.1') && !line.includes('204') && !rest.startsWith('\r\n')) expect(ours).to.equal('read')
      }),
      {
        numRuns: 400,
        examples: [
          ['HTTP/1.1 200 OK', 'transfer-encoding: chunked\r\n\r\n0\r\nx-after: 1\r\n\r\n', { at: 99, by: '\r\n' }, []],
          ['HTTP/1.1 200 OK', 'transfer-encoding: chunked\r\n\r\n0\r\nx-after: 1\r\n\r\n', { at: 102, by: ' ' }, []],
          ['HTTP/1.1 200 OK', 'transfer-encoding: chunked\r\n\r\n1;x\r\na\r\n0\r\n\r\n', { at: 100, by: '' }, []],
          ['HTTP/1.1 200 OK', 'transfer-encoding: chunked\r\n\r\n1;a=b\r\na\r\n0\r\n\r\n', { at: 101, by: ' ' }, []]
        ]
      }
    )
    expect(whole).to.be.greaterThan(40)
  })

  it('come whole, however long their lines and slow who takes them', async () => {
    const lines = Array.from({ length: 400 }, (_, index) => 'x'.repeat((index * 7919) % 30_000)).join('\n')
    const body = `${lines}\n${'y'.repeat(1_000_000)}\nlast`
    const bytes = Buffer.concat([
      Buffer.from('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'),
      ...(body.match(/[^]{1,1500}/g) ?? []).map(part => Buffer.from(`${part.length.toString(16)}\r\n${part}\r\n`)),
      Buffer.from('0\r\n\r\n')
    ])
    serve = socket => void socket.end(bytes)
    expect(await ask()).to.deep.equal({ status: 200, type: undefined, body })
  })

  it('tell a connection that is closed in the middle', async () => {
    serve = socket => void socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc')
    expect(await ask())
      .to.have.property('error')
      .that.has.property('message', 'the connection was closed in the middle of the answer')
  })

  it('tell a connection that is closed before the answer', async () => {
    serve = socket => void socket.end()
    expect(await ask()).to.have.property('error')
  })

  it('are asked for with nothing in the path that ends a line', async () => {
    serve = () => expect.fail('it was asked')
    for (const path of ['/a b', '/a\r\nx: y', '/é']) expect(await ask(path)).to.equal('odd')
  })

  it('name the host and the path below the address', async () => {
    let told = ''
    serve = (socket, asked) => {
      told = asked
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
    }
    expect(await ask('/x?y=%22', `${url}/below/`)).to.deep.include({ body: 'ok' })
    const host = new URL(url).host
    expect(told).to.equal(`GET /below/x?y=%22 HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\naccept: application/json\r\n\r\n`)
  })

  it('are given in time where they come slowly', async () => {
    const guard = guardRequest([])
    let next = (): void => undefined
    serve = socket => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\na\n')
      next = () => void socket.write('b\n')
    }
    const answer = await askLong(url, '/x', { headers: {}, signal: guard.signal, pool: new BufferPool(2) })
    const pieces: string[] = []
    for await (const piece of answer!.body(guard, 10_000)) {
      pieces.push(piece.toString())
      next()
    }
    guard.end()
    expect(pieces).to.deep.equal(['a\n', 'b\n'])
  })

  it('are given up when nothing comes any more', async () => {
    serve = socket => void socket.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\na\n')
    const guard = guardRequest([])
    const answer = await askLong(url, '/x', { headers: {}, signal: guard.signal, pool: new BufferPool(2) })
    const body = answer!.body(guard, 50)
    expect((await body.next()).value?.toString()).to.equal('a\n')
    expect(await errorOf(body.next())).to.have.property('message', 'the request was given up')
    expect(guard.timedOut()).to.equal(true)
    guard.end()
  })

  it('are asked for again by node:http where they are of another form, and from then on at once', async () => {
    const asked: string[] = []
    serve = (socket, text) => {
      const path = text.split(' ')[1]!
      if (path.includes('_all_docs')) asked.push(path)
      const told = path === '/' ? '{"couchdb":"Welcome"}' : allDocs([document('a'), document('b')])
      socket.end(`HTTP/1.0 200 OK\r\n\r\n${told}`)
    }
    const source = await openSource({ url, timeoutMs: 2_000 })
    for (const requests of [2, 3]) {
      const ids: string[] = []
      for await (const { documents } of source.read({ id: 'x/1of1', collections: ['x'] }, {})) ids.push(...documents.map(({ _id }) => _id))
      expect(ids).to.deep.equal(['a', 'b'])
      expect(asked.length).to.equal(requests)
    }
    await source.close()
  })

  it('are asked for again by node:http where their chunks are not as expected', async () => {
    serve = (socket, text) => {
      const path = text.split(' ')[1]!
      const told = path === '/' ? '{"couchdb":"Welcome"}' : allDocs([document('a'), document('b')])
      const [start, rest] = [told.slice(0, 8), told.slice(8)]
      const framing = (part: string): string => `${part.length.toString(16)}${text.includes('connection: close') ? ' ' : ''}\r\n${part}\r\n`
      socket.end(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${framing(start)}${framing(rest)}0\r\n\r\n`)
    }
    const source = await openSource({ url, timeoutMs: 2_000 })
    const ids: string[] = []
    const reading = source.read({ id: 'x/1of1', collections: ['x'] }, { retry: { baseMs: 1, capMs: 1 } })
    for await (const { documents } of reading) ids.push(...documents.map(({ _id }) => _id))
    await source.close()
    expect(ids).to.deep.equal(['a', 'b'])
  })

  describe('over TLS', () => {
    let secure: Server
    let secureUrl: string
    const allows = process.env['NODE_TLS_REJECT_UNAUTHORIZED']
    before(async () => {
      secure = createTlsServer(selfSigned('localhost'), accept)
      await once(secure.listen(0, '127.0.0.1'), 'listening')
      secureUrl = `https://localhost:${(secure.address() as AddressInfo).port}`
    })
    afterEach(() => {
      if (allows === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = allows
    })
    after(async () => {
      for (const socket of sockets) socket.destroy()
      await once(secure.close(), 'close')
    })

    it('come whole', async () => {
      process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
      const body = `${'x'.repeat(999)}\n`.repeat(3_000)
      serve = socket => void socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
      const outcome = await ask('/x', secureUrl)
      expect(outcome).to.have.property('body', body)
    })

    it('are not read from whom nobody vouches for', async () => {
      serve = () => expect.fail('it was asked')
      expect(await ask('/x', secureUrl)).to.have.nested.property('error.code', 'DEPTH_ZERO_SELF_SIGNED_CERT')
    })
  })
})
