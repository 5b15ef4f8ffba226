import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { expect } from 'chai'
import { startFaultProxy, startTcpProxy } from './fault-proxy.ts'
import type { FaultProxy, TcpProxy } from './fault-proxy.ts'

const page = 'x'.repeat(100_000)

/** A server that answers `/page` with 100,000 bytes, and everything else with what it was asked; it counts its requests. */
async function startTarget(): Promise<{ server: Server; url: string; host: string; seen: string[] }> {
  const seen: string[] = []
  const server = createServer((request, response) => {
    let body = ''
    request
      .on('data', chunk => (body += String(chunk)))
      .on('end', () => {
        seen.push(`${request.method} ${request.url} ${body}`)
        if (request.url === '/page') response.end(page)
        else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ echo: body, UnprocessedItems: {} }))
      })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return { server, url: `http://${host}`, host, seen }
}

/** What became of a request: its status, `cut` in the body, or `closed` before an answer. */
async function attempt(url: string, init?: RequestInit): Promise<{ status?: number; text?: string; failed?: 'cut' | 'closed' }> {
  let response: Response
  try {
    response = await fetch(url, init)
  } catch (error) {
    if ((error as Error).name === 'AbortError') throw error
    return { failed: 'closed' }
  }
  const text = await response.text().catch(() => undefined)
  return text === undefined ? { status: response.status, failed: 'cut' } : { status: response.status, text }
}

describe('fault proxy: HTTP', () => {
  let target: Awaited<ReturnType<typeof startTarget>>
  let proxy: FaultProxy

  beforeEach(async () => {
    target = await startTarget()
    proxy = await startFaultProxy({ target: target.url })
  })

  afterEach(async () => {
    await proxy.close()
    target.server.close()
    target.server.closeAllConnections()
  })

  it('passes everything on without faults', async () => {
    const { status, text } = await attempt(`${proxy.url}/a?b=1`, { method: 'POST', body: 'hello' })
    expect(status).to.equal(200)
    expect(JSON.parse(text!)).to.include({ echo: 'hello' })
    expect(target.seen).to.deep.equal(['POST /a?b=1 hello'])
    expect(proxy.requests[0]).to.include({ method: 'POST', path: '/a?b=1', number: 1 })
  })

  it('cuts the connection in the middle of an answer', async () => {
    proxy.faults.push({ action: { type: 'cut', afterBytes: 1000 } })
    expect(await attempt(`${proxy.url}/page`)).to.deep.equal({ status: 200, failed: 'cut' })
  })

  it('delivers the bytes before the cut', async () => {
    proxy.faults.push({ action: { type: 'cut', afterBytes: 1000 } })
    const response = await fetch(`${proxy.url}/page`)
    let bytes = 0
    try {
      for await (const chunk of response.body!) bytes += (chunk as Uint8Array).length
    } catch (error) {
      expect(error).to.be.instanceOf(Error)
    }
    expect(bytes).to.equal(1000)
  })

  it('loses an answer after the target did its work', async () => {
    proxy.faults.push({ action: { type: 'loseAnswer' } })
    expect(await attempt(`${proxy.url}/a`)).to.deep.equal({ failed: 'closed' })
    expect(target.seen).to.have.length(1)
  })

  it('refuses a request that the target never sees', async () => {
    proxy.faults.push({ action: { type: 'refuse' } })
    expect(await attempt(`${proxy.url}/a`)).to.deep.equal({ failed: 'closed' })
    expect(target.seen).to.have.length(0)
  })

  it('throttles with a wait', async () => {
    proxy.faults.push({ action: { type: 'throttle', status: 503, retryAfterSeconds: 7 } })
    const response = await fetch(`${proxy.url}/a`)
    expect(response.status).to.equal(503)
    expect(response.headers.get('retry-after')).to.equal('7')
    await response.text()
  })

  it('hits as often as it is told, and only what matches', async () => {
    proxy.faults.push({
      match: request => request.path === '/b',
      times: 2,
      action: { type: 'answer', status: 401, body: { error: 'unauthorized' } }
    })
    const statuses: unknown[] = []
    for (const path of ['/a', '/b', '/b', '/b']) statuses.push((await attempt(proxy.url + path)).status)
    expect(statuses).to.deep.equal([200, 401, 401, 200])
    expect(proxy.faults).to.have.length(0)
    expect(proxy.count(request => request.path === '/b')).to.equal(3)
  })

  it('answers with an error of DynamoDB', async () => {
    proxy.faults.push({ match: request => request.operation === 'Scan', action: { type: 'dynamodbError', name: 'ThrottlingException' } })
    const { status, text } = await attempt(proxy.url, { method: 'POST', headers: { 'x-amz-target': 'DynamoDB_20120810.Scan' }, body: '{}' })
    expect(status).to.equal(400)
    expect((JSON.parse(text!) as { __type: string }).__type).to.match(/#ThrottlingException$/)
  })

  it('keeps items of a batch back and reports them as unprocessed', async () => {
    proxy.faults.push({ action: { type: 'unprocessed', keepBack: (_write, index) => index % 2 === 0 } })
    const { text } = await attempt(proxy.url, { method: 'POST', body: JSON.stringify({ RequestItems: { t: [1, 2, 3] } }) })
    const { echo, UnprocessedItems } = JSON.parse(text!) as { echo: string; UnprocessedItems: unknown }
    expect(UnprocessedItems).to.deep.equal({ t: [1, 3] })
    expect(JSON.parse(echo)).to.deep.equal({ RequestItems: { t: [2] } })
  })

  it('holds a request until it is let go', async () => {
    let release = (): void => undefined
    const until = new Promise<void>(resolve => (release = resolve))
    proxy.faults.push({ action: { type: 'holdUntil', until } })
    const answered = attempt(`${proxy.url}/a`)
    await proxy.waitFor(request => request.path === '/a')
    expect(proxy.pending).to.equal(1)
    expect(target.seen).to.have.length(0)
    release()
    expect((await answered).status).to.equal(200)
  })

  it('stalls in the middle of an answer', async () => {
    proxy.faults.push({ action: { type: 'stall', afterBytes: 10 } })
    const giveUp = new AbortController()
    const response = await fetch(`${proxy.url}/page`, { signal: giveUp.signal })
    const { value } = await response.body!.getReader().read()
    expect(value).to.have.lengthOf(10)
    giveUp.abort()
  })

  it('resets connections without passing anything on', async () => {
    proxy.faults.push({ action: { type: 'reset' } })
    expect(await attempt(`${proxy.url}/a`)).to.deep.equal({ failed: 'closed' })
    expect(target.seen).to.have.length(0)
    expect(proxy.hits).to.equal(1)
  })

  it('tells which requests it cut when it went down, and which the client gave up', async () => {
    proxy.faults.push({ match: ({ path }) => path === '/hit', action: { type: 'stall' } })
    const hit = attempt(`${proxy.url}/hit`)
    await proxy.waitFor(({ path }) => path === '/hit')
    const paths = (requests: readonly { readonly path: string }[]): string[] => requests.map(({ path }) => path)
    const abort = new AbortController()
    target.server.prependListener('request', ({ url }) => {
      if (url === '/left') abort.abort()
    })
    await attempt(`${proxy.url}/left`, { signal: abort.signal }).catch(() => undefined)
    while (proxy.givenUp.length === 0) await new Promise(setImmediate)
    expect(paths(proxy.givenUp)).to.deep.equal(['/left'])
    target.server.prependListener('request', ({ url }) => {
      if (url === '/under-way') void proxy.goDown()
    })
    expect((await attempt(`${proxy.url}/under-way`)).failed).to.equal('closed')
    await hit
    expect(proxy.hit.map(({ request, action }) => [request.path, action?.type])).to.deep.equal([
      ['/hit', 'stall'],
      ['/under-way', undefined]
    ])
    expect(paths(proxy.givenUp)).to.deep.equal(['/left'])
  })

  it('goes down, so that nobody can connect, and comes back in the same place', async () => {
    await proxy.goDown()
    expect(await attempt(`${proxy.url}/a`)).to.deep.equal({ failed: 'closed' })
    await proxy.comeBack()
    expect((await attempt(`${proxy.url}/a`)).status).to.equal(200)
  })

  it('stalls until the client gives up, and closes all the same', async () => {
    proxy.faults.push({ action: { type: 'stall' } })
    const giveUp = new AbortController()
    const answered = attempt(`${proxy.url}/a`, { signal: giveUp.signal }).catch((error: Error) => error.name)
    await proxy.waitFor(() => true)
    giveUp.abort()
    expect(await answered).to.equal('AbortError')
  })
})

describe('fault proxy: TCP', () => {
  let target: Awaited<ReturnType<typeof startTarget>>
  let proxy: TcpProxy

  beforeEach(async () => {
    target = await startTarget()
    proxy = await startTcpProxy({ target: target.host })
  })

  afterEach(async () => {
    await proxy.close()
    target.server.close()
    target.server.closeAllConnections()
  })

  const open = async (): Promise<Socket> => {
    const socket = connect(proxy.port, '127.0.0.1')
    await once(socket, 'connect')
    return socket
  }
  const ask = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`

  it('passes everything on without faults', async () => {
    expect(await attempt(`http://${proxy.host}/page`)).to.deep.equal({ status: 200, text: page })
    expect(proxy.accepted).to.equal(1)
    expect(proxy.received).to.be.greaterThan(page.length)
  })

  it('cuts every open connection', async () => {
    const socket = await open()
    socket.write('GET / HTTP/1.1\r\n')
    const closed = once(socket, 'close')
    socket.on('error', () => undefined)
    while (proxy.sent === 0) await new Promise(setImmediate)
    proxy.cut()
    await closed
  })

  it('cuts after so many bytes of the answer', async () => {
    proxy.cutAfter(5000)
    const socket = await open()
    socket.write(ask('/page'))
    let bytes = 0
    for await (const chunk of socket) bytes += (chunk as Buffer).length
    expect(bytes).to.equal(5000)
  })

  it('holds everything back while it stalls', async () => {
    proxy.stall()
    const socket = await open()
    socket.write(ask('/a'))
    while (proxy.accepted === 0) await new Promise(setImmediate)
    expect(target.seen).to.have.length(0)
    proxy.resume()
    let text = ''
    for await (const chunk of socket) text += String(chunk)
    expect(text).to.match(/^HTTP\/1.1 200/)
  })

  it('refuses new connections', async () => {
    proxy.refuse()
    expect(await attempt(`http://${proxy.host}/a`)).to.deep.equal({ failed: 'closed' })
    proxy.resume()
    expect((await attempt(`http://${proxy.host}/a`)).status).to.equal(200)
  })
})
