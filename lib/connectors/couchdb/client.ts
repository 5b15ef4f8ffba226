/**
 * HTTP to one CouchDB. Its own, but for dropping a database: nano turns an answer that broke off into an empty one, loses Retry-After and the
 * digits of numbers, and asks by `fetch`, whose loading alone takes 40 MB.
 */
import { once, setMaxListeners } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { firstCall } from '../../engine/first-calls.ts'
import { withRetry } from '../../engine/retry.ts'
import { DocferryError } from '../../errors.ts'
import type { Logger, OpenContext } from '../../types.ts'
import { badAnswer, parseObject } from './answers.ts'
import { answerError, AnswerError, brokenAnswer, isStranger, isUnreached, networkError } from './errors.ts'
import type { Asked } from './errors.ts'
import { guardRequest } from './guard.ts'
import type { RequestGuard } from './guard.ts'
import { answerTo, bodyOf, open } from './http.ts'
import { BufferPool } from '../../kernel/buffer-pool.ts'
import { askLong } from './long-answer.ts'
import { locate } from './options.ts'
import type { Settings } from './options.ts'
import { parseText } from '../../values/index.ts'

export interface Request {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Below the server's address, percent-encoded: `/agents/_all_docs?limit=1`. */
  readonly path: string
  /** JSON text; as bytes it is UTF-8. */
  readonly body?: string | Buffer
  /** Called where the body's bytes are known to be needed no more; not always. */
  readonly release?: () => void
  /** What the answer may be. Default: JSON; attachments come as they are. */
  readonly accept?: string
  readonly asked: Asked
  readonly signal?: AbortSignal
  /** Where the server takes its time before it answers. Default: that of the settings. */
  readonly timeoutMs?: number
}

/** A document that is sent as it comes. */
export interface Upload extends Pick<Request, 'path' | 'asked' | 'signal'> {
  /** Its content type. */
  readonly type: string
  /** Bytes of the body. */
  readonly length: number
  readonly body: AsyncIterable<Uint8Array>
}

export interface DatabaseInfo {
  readonly doc_count: number
  readonly sizes?: { readonly external?: number }
  readonly props?: { readonly partitioned?: boolean }
}

/** Two for each of the answers that usually come at once. */
const mostBlocks = 8
/** One for each batch that is usually on its way. */
const mostBodies = 4
/** A slow line still uploads this many bytes in a millisecond. */
const slowestUpload = 50
const longestRefusal = 64 * 1024

export class Client {
  readonly settings: Settings
  readonly logger: Logger
  /** Whether it is PouchDB that answers. Known after `connect`. */
  pouchdb = false
  /** As it tells it: `3.5.0`. Known after `connect`. */
  version = ''
  /** What the server calls itself, where it tells. Known after `connect`. */
  uuid: string | undefined
  readonly #retry: OpenContext['retry']
  readonly #headers: Readonly<Record<string, string>>
  readonly #closing = new AbortController()
  readonly #blocks = new BufferPool(mostBlocks)
  /** For the bodies of requests. */
  readonly bodies = new BufferPool(mostBodies)
  /** Whether its answers need `node:http` to be read. */
  #isOdd = false

  constructor(settings: Settings, { logger, retry }: Pick<OpenContext, 'logger' | 'retry'>) {
    // Every request under way listens to it.
    setMaxListeners(0, this.#closing.signal)
    this.settings = settings
    this.logger = logger
    this.#retry = retry
    const { user, password } = settings
    const authorization: Record<string, string> =
      user === undefined ? {} : { Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }
    this.#headers = { accept: 'application/json', 'accept-encoding': 'identity', ...authorization }
  }

  get address(): string {
    return locate(this.settings).address
  }

  /** What is asked for, for the messages of errors. */
  asked(what: string, refused: Asked['refused'], collection?: string): Asked {
    return { what, address: this.address, anonymous: this.settings.user === undefined, refused, collection }
  }

  /**
   * Make sure that a CouchDB answers and knows the user.
   *
   * @throws {DocferryError} DOCFERRY_CONNECT, DOCFERRY_AUTH
   */
  async connect(signal?: AbortSignal): Promise<void> {
    const asked = this.asked('connecting', 'DOCFERRY_CONNECT')
    const trying = { signal, logger: this.logger, retry: this.#retry, isHopeless: isUnreached, hopelessTries: 3 }
    const get = (path: string): Promise<string> => firstCall(() => this.text({ method: 'GET', path, asked, signal }), trying)
    const isAnother = (cause?: unknown): DocferryError => {
      const message = `what answers at ${this.address} is no CouchDB; is the address right, with its port and path?`
      return new DocferryError('DOCFERRY_CONNECT', message, { provider: 'couchdb', cause })
    }
    const welcome = parseObject(
      await get('/').catch((error: unknown) => {
        throw isStranger(error) ? isAnother(error) : error
      })
    )
    const isCouchdb = welcome?.couchdb !== undefined
    if (typeof welcome?.version === 'string') this.version = welcome.version
    if (typeof welcome?.['uuid'] === 'string' && welcome['uuid'] !== '') this.uuid = welcome['uuid']
    this.pouchdb = !isCouchdb && welcome?.['express-pouchdb'] !== undefined
    if (!isCouchdb && !this.pouchdb) throw isAnother()
    if (asked.anonymous) return
    // Where a proxy lets everybody see the welcome, wrong credentials show here.
    const { name, roles } = (parseObject(await get('/_session'))?.userCtx ?? {}) as { name?: unknown; roles?: unknown }
    if (name === null && !(Array.isArray(roles) && roles.includes('_admin'))) {
      throw answerError({ status: 401, error: 'that it does not know the user' }, asked)
    }
  }

  /** @returns names of all databases */
  async databaseNames(signal?: AbortSignal): Promise<string[]> {
    const asked = this.asked('listing the databases', 'DOCFERRY_READ')
    return this.#control({ method: 'GET', path: '/_all_dbs', asked, signal }, answer => {
      if (Array.isArray(answer) && answer.every(name => typeof name === 'string')) return answer
      throw brokenAnswer(asked, 'is no list of names')
    })
  }

  /** @returns `undefined` when there is no such database */
  async databaseInfo(database: string, asked: Asked, signal?: AbortSignal): Promise<DatabaseInfo | undefined> {
    try {
      return await this.#control({ method: 'GET', path: pathOf(database), asked, signal }, answer => {
        const info = answer as DatabaseInfo | undefined
        if (typeof info?.doc_count === 'number') return info
        throw brokenAnswer(asked, 'says nothing about the database')
      })
    } catch (error) {
      if (error instanceof AnswerError && error.answer.status === 404) return undefined
      throw error
    }
  }

  /** @returns false when it was there already */
  async createDatabase(database: string, asked: Asked, signal?: AbortSignal): Promise<boolean> {
    try {
      return await this.#control({ method: 'PUT', path: pathOf(database), asked, signal }, answer => {
        if ((answer as { ok?: unknown } | undefined)?.ok === true) return true
        throw brokenAnswer(asked, 'does not say that the database was created')
      })
    } catch (error) {
      if (error instanceof AnswerError && error.answer.status === 412) return false
      throw error
    }
  }

  /** Remove a database with all that it holds; one that is not there is none to complain of. */
  async deleteDatabase(database: string, asked: Asked, signal?: AbortSignal): Promise<void> {
    // Only here, for it loads `fetch`, which takes 40 MB.
    const { dropDatabase } = await import('./drop-database.ts')
    const { Authorization: authorization } = this.#headers
    const { url, timeoutMs } = this.settings
    const work = (): Promise<void> =>
      dropDatabase(database, { url, authorization, timeoutMs, asked, signals: [signal, this.#closing.signal] })
    try {
      await this.#patiently(work, signal)
    } catch (error) {
      if (!(error instanceof AnswerError) || error.answer.status !== 404) throw error
    }
  }

  /** The whole answer to a request, as text. */
  async text(request: Request): Promise<string> {
    const chunks: Uint8Array[] = []
    for await (const chunk of this.chunks(request)) chunks.push(chunk)
    return joined(chunks).toString()
  }

  /** The whole answer to a small request that may be repeated; digits of large numbers are lost. @param look told its text */
  async json(request: Request, look?: (text: string) => void): Promise<unknown> {
    return this.#control(request, (answer, text) => {
      look?.(text)
      return answer
    })
  }

  /**
   * The answer to a request in pieces, as they come. Leaving the loop gives up the rest.
   *
   * @throws {DocferryError} for an answer that is not 2xx, none in time, or one that breaks off; then perhaps after some pieces
   */
  async *chunks(request: Request): AsyncGenerator<Uint8Array, void, undefined> {
    const { method, path, body, accept, timeoutMs = this.settings.timeoutMs } = request
    yield* this.#exchange(request, async function* (this: Client, guard) {
      const { url } = this.settings
      const headers = {
        ...this.#headers,
        ...(accept !== undefined && { accept }),
        ...(body !== undefined && { 'content-type': 'application/json' })
      }
      const sent = open(url, path, { method, headers, signal: guard.signal })
      const answered = answerTo(sent)
      sent.end(body)
      const answer = await guard.within(answered, timeoutMs + (body?.length ?? 0) / slowestUpload)
      yield* this.#goodOf(request, answer, bodyOf(answer, guard, timeoutMs))
      // A server may answer before it has taken all; then it is still being sent.
      if (sent.writableFinished) request.release?.()
    })
  }

  /**
   * The same for a long answer of lines, at less cost: each piece is the caller's only until the next is asked for.
   *
   * @throws as `chunks` does
   */
  async *lines(request: Request): AsyncGenerator<Uint8Array, void, undefined> {
    const { path, timeoutMs = this.settings.timeoutMs } = request
    let isOdd = this.#isOdd || request.method !== 'GET' || request.body !== undefined
    if (!isOdd)
      yield* this.#exchange(request, async function* (this: Client, guard) {
        const asking = askLong(this.settings.url, path, { headers: this.#headers, signal: guard.signal, pool: this.#blocks })
        const answer = await guard.within(asking, timeoutMs)
        if (answer) yield* this.#goodOf(request, answer, answer.body(guard, timeoutMs))
        else isOdd = this.#isOdd = true
      })
    if (isOdd) yield* this.chunks(request)
  }

  /** @param work one request and its answer */
  async *#exchange(
    { asked, signal, timeoutMs = this.settings.timeoutMs }: Request,
    work: (this: Client, guard: RequestGuard) => AsyncGenerator<Uint8Array, void, undefined>
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const guard = guardRequest([signal, this.#closing.signal])
    try {
      yield* work.call(this, guard)
    } catch (error) {
      signal?.throwIfAborted()
      if (error instanceof AnswerError) throw error
      // Read by other rules, it may be good the next time.
      if (error instanceof SyntaxError) this.#isOdd = true
      throw networkError(guard.timedOut() ? new Error(`nothing came for ${timeoutMs / 1000} seconds`) : error, asked)
    } finally {
      guard.end()
    }
  }

  async *#goodOf(
    { path, asked }: Request,
    answer: Pick<IncomingMessage, 'statusCode' | 'headers'>,
    body: AsyncGenerator<Buffer, void, undefined>
  ): AsyncGenerator<Uint8Array, void, undefined> {
    if (isGood(answer)) yield* body
    else throw answerError(badAnswer(answer, this.settings.url + path, await textOf(body)), asked)
  }

  /**
   * `PUT` a body piece by piece, as fast as the server takes it. Where the body fails, the request is broken off, and the server has no whole one.
   *
   * @throws {DocferryError} as `chunks` does; whatever the body throws
   */
  async upload({ path, type, length, body, asked, signal }: Upload): Promise<void> {
    const { url, timeoutMs } = this.settings
    const guard = guardRequest([signal, this.#closing.signal])
    const headers = { ...this.#headers, 'content-type': type, 'content-length': length }
    const request = open(url, path, { method: 'PUT', headers, signal: guard.signal })
    const answered = answerTo(request)
    // A refusal may come before all is sent.
    let isAnswered = false
    answered.then(
      () => (isAnswered = true),
      () => (isAnswered = true)
    )
    let failure: { readonly error: unknown } | undefined
    try {
      const pieces = body[Symbol.asyncIterator]()
      try {
        while (!isAnswered) {
          const piece = await pieces.next().catch((error: unknown) => {
            failure = { error }
            throw error
          })
          if (piece.done) break
          if (!request.write(piece.value)) await guard.within(Promise.race([once(request, 'drain'), answered]), timeoutMs)
        }
      } finally {
        await pieces.return?.()
      }
      if (!isAnswered) request.end()
      const answer = await guard.within(answered, timeoutMs + length / slowestUpload)
      const text = await textOf(bodyOf(answer, guard, timeoutMs))
      if (!isGood(answer)) throw answerError(badAnswer(answer, url + path, text), asked)
    } catch (error) {
      signal?.throwIfAborted()
      if (failure) throw failure.error
      if (error instanceof AnswerError) throw error
      throw networkError(guard.timedOut() ? new Error(`nothing came for ${timeoutMs / 1000} seconds`) : error, asked)
    } finally {
      guard.end()
      request.on('error', () => undefined).destroy()
    }
  }

  /** What the server's clock says, to the second; undefined where it does not tell. */
  async date(asked: Asked, signal?: AbortSignal): Promise<Date | undefined> {
    const { url, timeoutMs } = this.settings
    const guard = guardRequest([signal, this.#closing.signal])
    try {
      const request = open(url, '/', { method: 'GET', headers: this.#headers, signal: guard.signal })
      const answered = answerTo(request)
      request.end()
      const { headers } = await guard.within(answered, timeoutMs)
      const told = Date.parse(headers.date ?? '')
      return Number.isNaN(told) ? undefined : new Date(told)
    } catch (error) {
      signal?.throwIfAborted()
      throw networkError(error, asked)
    } finally {
      guard.end()
    }
  }

  close(): void {
    this.#closing.abort()
  }

  /** @param check given the answer, and its text: what it throws may be tried again, too */
  async #control<T>(request: Request, check: (answer: unknown, text: string) => T): Promise<T> {
    const { asked, signal } = request
    const work = async (): Promise<T> => {
      const text = await this.text(request)
      let answer: unknown
      try {
        answer = parseText(text)
      } catch {
        // The text may hold anything; that it is not whole says what is needed.
        throw brokenAnswer(asked, 'is no whole JSON')
      }
      return check(answer, text)
    }
    return await this.#patiently(work, signal)
  }

  /** Again, where that may help. */
  async #patiently<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const onRetry = (error: DocferryError, delayMs: number): void => this.logger.debug({ delayMs }, error.message)
    return await withRetry(work, { ...this.#retry, signal, onRetry })
  }
}

function joined(chunks: readonly Uint8Array[]): Buffer {
  const [first] = chunks
  return chunks.length === 1 ? Buffer.from(first!.buffer, first!.byteOffset, first!.byteLength) : Buffer.concat(chunks)
}

function pathOf(database: string): string {
  return `/${encodeURIComponent(database)}`
}

function isGood({ statusCode = 500 }: Pick<IncomingMessage, 'statusCode'>): boolean {
  return statusCode >= 200 && statusCode < 300
}

/** Of a small answer: what is longer is cut. */
async function textOf(pieces: AsyncIterable<Buffer>): Promise<string> {
  const taken: Buffer[] = []
  let bytes = 0
  for await (const piece of pieces) {
    taken.push(Buffer.from(piece))
    if ((bytes += piece.length) >= longestRefusal) break
  }
  return Buffer.concat(taken).toString()
}
