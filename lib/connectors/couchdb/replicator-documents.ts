/**
 * The documents of `_replicator`: found, written, and removed by the very revision that was looked at, so that nobody removes what somebody else has
 * begun anew. What is removed leaves word of how it has ended, for others who follow it.
 */
import { randomUUID } from 'node:crypto'
import type { Json } from '../../types.ts'
import type { Client, Request } from './client.ts'
import { AnswerError, brokenAnswer } from './errors.ts'
import { isObject } from './replication-documents.ts'
import type { JsonObject } from './replication-documents.ts'

/** The server's own fields of a document whose replication has ended. What it says of a failure may hold anything. */
const wordFields = ['_replication_state', '_replication_state_time', '_replication_stats']
/** A field that replicators pass over: whose document it is, where the answer to writing it was lost. */
const markField = 'docferry_begun'

export class ReplicatorDocuments {
  readonly #on: Client
  readonly #mark = randomUUID()

  constructor(on: Client) {
    this.#on = on
  }

  read(id: string, signal?: AbortSignal): Promise<JsonObject | undefined> {
    return askForObject(this.#on, { method: 'GET', path: documentPath(id), asked: this.#asked('reading _replicator'), signal })
  }

  /** @returns false where there is one: by somebody else, or by this very call, whose first answer was lost */
  write(id: string, body: { readonly [key: string]: Json }, signal?: AbortSignal): Promise<boolean> {
    return this.#put(id, { ...body, [markField]: this.#mark }, 'writing to _replicator', signal)
  }

  /** Whether `write` has written it. */
  isOwn(held: JsonObject): boolean {
    return held[markField] === this.#mark
  }

  /** @returns false where it is not as it was read any more */
  remove(id: string, held: JsonObject, signal?: AbortSignal): Promise<boolean> {
    const word = Object.fromEntries(wordFields.flatMap(name => (held[name] === undefined ? [] : [[name, held[name]]])))
    return this.#put(id, { ...word, _rev: held['_rev'], _deleted: true }, 'removing from _replicator', signal)
  }

  /** What is left of a document that was removed; undefined where there is none, or it was never there. */
  async removed(id: string, signal?: AbortSignal): Promise<JsonObject | undefined> {
    const asked = this.#asked('reading _replicator')
    const path = `${documentPath(id)}?open_revs=all`
    try {
      const leaves = await this.#on.json({ method: 'GET', path, asked, signal })
      if (!Array.isArray(leaves)) throw brokenAnswer(asked, 'is no list of revisions')
      const found = leaves.flatMap((leaf: unknown) => (isObject(leaf) && isObject(leaf['ok']) ? [leaf['ok']] : []))
      // Revisions that another server's copy of `_replicator` brought along: which of them is meant nobody can say.
      return found.length === 1 && found[0]!['_deleted'] === true ? found[0] : undefined
    } catch (error) {
      if (isAnswer(error, 404)) return undefined
      throw error
    }
  }

  async #put(id: string, body: object, what: string, signal?: AbortSignal): Promise<boolean> {
    try {
      await this.#on.json({ method: 'PUT', path: documentPath(id), body: JSON.stringify(body), asked: this.#asked(what), signal })
      return true
    } catch (error) {
      if (isAnswer(error, 409)) return false
      throw error
    }
  }

  #asked(what: string) {
    return this.#on.asked(what, 'DOCFERRY_CONNECT')
  }
}

/** @returns undefined where there is no such thing */
export async function askForObject(client: Client, request: Request): Promise<JsonObject | undefined> {
  try {
    const answer = await client.json(request)
    if (isObject(answer)) return answer
    // So it is told for a moment that nothing is known.
    if (answer === null || answer === 'nil') return undefined
  } catch (error) {
    if (isAnswer(error, 404)) return undefined
    throw error
  }
  throw brokenAnswer(request.asked, 'is no object')
}

export function isAnswer(error: unknown, status: number): boolean {
  return error instanceof AnswerError && error.answer.status === status
}

function documentPath(id: string): string {
  return `/_replicator/${encodeURIComponent(id)}`
}
