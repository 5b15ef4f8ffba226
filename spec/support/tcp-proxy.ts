/** A proxy for any protocol on TCP that cuts, stalls and refuses connections on demand. Without that it passes everything on unchanged. */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

export interface TcpProxy {
  /** Where the clients go: `127.0.0.1:port`. */
  readonly host: string
  readonly port: number
  /** Connections accepted so far. */
  readonly accepted: number
  /** Connections open now. */
  readonly open: number
  /** Bytes that came from clients, and from the target. */
  readonly sent: number
  readonly received: number
  /** Closes every open connection at once. New ones are served. */
  cut(): void
  /** Closes the connection on which so many more bytes have come from the target (or from clients, with `of: 'sent'`), once. */
  cutAfter(bytes: number, of?: 'sent' | 'received'): void
  /** From now on nothing passes in either direction; connections stay open and new ones are accepted. */
  stall(): void
  /** From now on every connection is closed as soon as it is accepted; open ones stay. */
  refuse(): void
  /** Undoes `stall` and `refuse`: what was held back passes. */
  resume(): void
  close(): Promise<void>
}

export async function startTcpProxy(options: { readonly target: string }): Promise<TcpProxy> {
  const { hostname, port: targetPort } = new URL(options.target.includes('://') ? options.target : `tcp://${options.target}`)
  const pairs = new Set<readonly [Socket, Socket]>()
  const bytes = { sent: 0, received: 0 }
  const limits = { sent: Infinity, received: Infinity }
  let accepted = 0
  let stalled = false
  let refusing = false

  const relay = (from: Socket, to: Socket, way: 'sent' | 'received', end: () => void): void => {
    from.on('data', (chunk: Buffer) => {
      bytes[way] += chunk.length
      if (chunk.length >= limits[way]) {
        const part = chunk.subarray(0, limits[way])
        limits[way] = Infinity
        from.pause()
        to.end(part, end)
        return
      }
      limits[way] -= chunk.length
      if (!to.write(chunk)) from.pause()
    })
    to.on('drain', () => stalled || from.resume())
  }

  const server = createServer(client => {
    accepted++
    if (refusing) {
      client.destroy()
      return
    }
    const upstream = connect({ host: hostname, port: Number(targetPort) })
    const pair = [client, upstream] as const
    const end = (): void => {
      pairs.delete(pair)
      client.destroy()
      upstream.destroy()
    }
    pairs.add(pair)
    for (const socket of pair) socket.on('error', end)
    client.on('close', () => (pairs.delete(pair), upstream.destroySoon()))
    upstream.on('close', () => (pairs.delete(pair), client.destroySoon()))
    relay(client, upstream, 'sent', end)
    relay(upstream, client, 'received', end)
    if (stalled) for (const socket of pair) socket.pause()
  })
  const port = await listen(server)
  const cut = (): void => {
    for (const [client, upstream] of pairs) {
      client.destroy()
      upstream.destroy()
    }
  }
  return {
    host: `127.0.0.1:${port}`,
    port,
    get accepted() {
      return accepted
    },
    get open() {
      return pairs.size
    },
    get sent() {
      return bytes.sent
    },
    get received() {
      return bytes.received
    },
    cut,
    cutAfter(count, of = 'received') {
      limits[of] = count
    },
    stall() {
      stalled = true
      for (const pair of pairs) for (const socket of pair) socket.pause()
    },
    refuse() {
      refusing = true
    },
    resume() {
      stalled = false
      refusing = false
      for (const pair of pairs) for (const socket of pair) socket.resume()
    },
    async close() {
      const closed = once(server, 'close')
      server.close()
      cut()
      await closed
    }
  }
}

/** On a port of the loopback interface, by default a free one, which it returns. */
export async function listen(server: Server, port = 0): Promise<number> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
