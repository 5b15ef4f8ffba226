/** A database is dropped by nano: the answer is small, and nothing in it is lost. */
import { createRequire } from 'node:module'
import type Nano from 'nano'
import { answerError, brokenAnswer, errorName, networkError } from './errors.ts'
import type { Asked } from './errors.ts'
import { guardRequest } from './guard.ts'

/** As CommonJS: for an import, Node would read all its files for what they export. */
const nano = createRequire(import.meta.url)('nano') as typeof Nano

export interface DropOptions {
  readonly url: string
  readonly authorization: string | undefined
  readonly timeoutMs: number
  readonly asked: Asked
  /** The first is the caller's own: its reason is thrown. */
  readonly signals: readonly (AbortSignal | undefined)[]
}

/** @throws {AnswerError} also with status 404 */
export async function dropDatabase(database: string, { url, authorization, timeoutMs, asked, signals }: DropOptions): Promise<void> {
  const headers = authorization === undefined ? {} : { Authorization: authorization }
  const server = nano({ url, headers, parseUrl: false } as Nano.Configuration)
  const guard = guardRequest(signals)
  try {
    const options = { db: database, method: 'DELETE', signal: guard.signal } as Nano.RequestOptions
    const answer: unknown = await guard.within(server.request(options), timeoutMs)
    if ((answer as { ok?: unknown } | undefined)?.ok !== true) throw brokenAnswer(asked, 'does not say that the database was removed')
  } catch (error) {
    signals[0]?.throwIfAborted()
    throw nanoError(guard.timedOut() ? new Error(`nothing came for ${timeoutMs / 1000} seconds`) : error, asked)
  } finally {
    guard.end()
  }
}

/** nano's errors hold the request: only what the server said is taken from them. */
function nanoError(error: unknown, asked: Asked): Error {
  const { statusCode, error: name, reason } = error as { statusCode?: number; error?: string; reason?: string }
  if (statusCode !== undefined) return answerError({ status: statusCode, error: errorName(name), reason }, asked)
  if (error instanceof Error && error.name === 'DocferryError') return error
  const message =
    error instanceof Error ? error.message.replace(/^error happened in your connection\. Reason: (?:Error: )?/, '') : String(error)
  return networkError(new Error(message), asked)
}
