import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net'
import type { Document, Encoded, EncodeRules, Logger, Refusal, Source, Target, WriteOptions, WriteOutcome } from '../../../lib/types.ts'
import { firestoreConnector, type FirestoreOptions } from '../../../lib/connectors/firestore/index.ts'
import { DocumentEncoder } from '../../../lib/connectors/firestore/encoder.ts'
import type { ValueMap } from '../../../lib/values/index.ts'
import { isolatedProject, servers } from '../../support/servers.ts'

export const root = 'projects/p/databases/(default)/documents'

/** A document's message as an answer to a query holds it. */
export function answerOf(message: Buffer): Buffer {
  const length: number[] = []
  let rest = message.length
  for (; rest >= 0x80; rest >>>= 7) length.push((rest & 0x7f) | 0x80)
  return Buffer.concat([Buffer.from([1 * 8 + 2, ...length, rest]), message])
}

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly message: string
}

/** A logger that keeps what it is told. */
export function listeningLogger(): Logger & { readonly lines: LogLine[] } {
  const lines: LogLine[] = []
  const keep =
    (level: LogLine['level']) =>
    (_: object, message: string): void => {
      lines.push({ level, message })
    }
  return { lines, debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') }
}

/** Options for an empty project of the caller's own on the emulator. */
export async function ownProject(): Promise<FirestoreOptions> {
  const { host } = await servers.firestore()
  return { project: isolatedProject(), emulator: host }
}

export function openTarget(options: FirestoreOptions, rules?: EncodeRules): Promise<Target<Buffer>> {
  return firestoreConnector.openTarget(options, { logger: listeningLogger(), rules }) as Promise<Target<Buffer>>
}

export function openSource(options: FirestoreOptions, logger: Logger = listeningLogger()): Promise<Source> {
  return firestoreConnector.openSource(options, { logger })
}

/** What was encoded; throws where it was refused. */
export function accepted(encoded: Encoded<Buffer> | Refusal): Encoded<Buffer> {
  if ('code' in encoded) throw new Error(`${encoded.code} ${encoded.message}`)
  return encoded
}

export function encodeAll(target: Target<Buffer>, collection: string, documents: readonly Document[]): Encoded<Buffer>[] {
  return documents.map(document => accepted(target.encode(collection, document)))
}

export function writeAll(
  target: Target<Buffer>,
  collection: string,
  documents: readonly Document[],
  options: WriteOptions = { onConflict: 'overwrite', fresh: true }
): Promise<readonly WriteOutcome[]> {
  return target.write(collection, encodeAll(target, collection, documents), options)
}

/** The fields, and as much text as fits beside them, by docferry's count. */
export function fullest(target: Target<Buffer>, collection: string, fields: ValueMap): Document {
  let low = 0
  let high = 1_048_487
  const full = (length: number): Document => ({ _id: 'full', filler: 'x'.repeat(600_000), ...fields, text: 'x'.repeat(length) })
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ('code' in target.encode(collection, full(middle))) high = middle - 1
    else low = middle
  }
  return full(low)
}

/** Puts collections below a document, so that Firestore counts four bytes more for a name than docferry does. */
export function encoderBelow(project: string, document = 'a/b'): DocumentEncoder {
  return new DocumentEncoder(`projects/${project}/databases/(default)/documents/${document}`)
}

/** Documents with ids in order. */
export function numbered(count: number, text = ''): Document[] {
  return Array.from({ length: count }, (_, index) => ({ _id: `d${String(index).padStart(5, '0')}`, index, text }))
}

/** What an awaited call throws. */
export async function thrownBy(work: Promise<unknown>): Promise<{ code?: string; name?: string; message: string; retryable?: boolean }> {
  try {
    await work
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}

/** A port in front of a server that can cut its connections, or stop passing on what the server says. */
export interface Gate {
  readonly host: string
  /** Connections made so far. */
  connections: number
  /** Bytes that came from the server so far. */
  bytes: number
  /** Cut the present connections once the server has sent so many more bytes. */
  cutAfter(bytes: number): void
  /** Keep back everything that the server says once it has said so many more bytes. */
  silenceAfter(bytes: number): void
  /** Cut the connections that were silenced. */
  release(): void
  close(): Promise<void>
}

export async function openGate(to: string): Promise<Gate> {
  const [hostname, port] = to.split(':') as [string, string]
  const sockets = new Set<Socket>()
  const silent = new Set<Socket>()
  let cutAt = Infinity
  let silenceAt = Infinity
  const server = createServer(client => {
    gate.connections++
    const upstream = connect(Number(port), hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket))
    }
    client.pipe(upstream)
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
    upstream.on('data', (chunk: Buffer) => {
      gate.bytes += chunk.length
      if (gate.bytes >= silenceAt) {
        silenceAt = Infinity
        for (const socket of sockets) silent.add(socket)
      }
      if (silent.has(client)) return
      if (gate.bytes >= cutAt) {
        cutAt = Infinity
        for (const socket of sockets) socket.destroy()
      } else if (!client.write(chunk)) {
        upstream.pause()
        client.once('drain', () => upstream.resume())
      }
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const gate: Gate = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: 0,
    bytes: 0,
    cutAfter(bytes) {
      cutAt = gate.bytes + bytes
    },
    silenceAfter(bytes) {
      silenceAt = gate.bytes + bytes
    },
    release() {
      for (const socket of silent) socket.destroy()
    },
    close() {
      for (const socket of sockets) socket.destroy()
      return new Promise(resolve => server.close(() => resolve()))
    }
  }
  return gate
}

export function listen(server: Server): Promise<string> {
  return new Promise(resolve => {
    server.listen(0, '127.0.0.1', () => resolve(`127.0.0.1:${(server.address() as AddressInfo).port}`))
  })
}

/** Accepts and never answers. gRPC gives up a connection that is being made only after a while: closing this end ends it now. */
export function createSilentServer(): Server {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket.on('error', () => socket.destroy()).resume())
  })
  const close = server.close.bind(server)
  server.close = callback => {
    for (const socket of sockets) socket.destroy()
    return close(callback)
  }
  return server
}
