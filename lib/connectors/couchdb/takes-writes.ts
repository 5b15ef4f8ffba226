/** Whether a database writes at all: a local document, which no list and no replication shows, is written by `_bulk_docs` and removed again. */
import { randomUUID } from 'node:crypto'
import { DocferryError } from '../../errors.ts'
import { parseText } from '../../values/index.ts'
import type { Client } from './client.ts'

/** How long the end of a run waits until what an answer that was lost may have left is removed. */
const removingMs = 5_000

interface Row {
  readonly rev?: unknown
}

/** A local document; several batches may ask at once, each by one of its own. */
interface Local {
  readonly collection: string
  readonly id: string
}

export class WriteProbe {
  readonly #client: Client
  readonly #name = randomUUID()
  #count = 0
  readonly #free: string[] = []
  /** Those that may still be there. */
  readonly #left = new Map<string, Local>()

  constructor(client: Client) {
    this.#client = client
  }

  /** @throws {DocferryError} as writing a document does; not retryable where local documents are refused, which says nothing of others */
  async ask(collection: string, { signal }: { readonly signal?: AbortSignal }): Promise<void> {
    const id = this.#free.pop() ?? `_local/docferry-${this.#name}-${++this.#count}`
    try {
      await this.#writeAndRemove({ collection, id }, signal)
    } finally {
      this.#free.push(id)
    }
  }

  /** Remove what may have stayed, where that can be done soon. */
  async close(): Promise<void> {
    const signal = AbortSignal.timeout(removingMs)
    for (const local of [...this.#left.values()]) {
      try {
        const rev = await this.#revision(local, signal)
        if (rev !== undefined) await this.#remove(local, rev, signal)
      } catch {
        // It is in nobody's way.
      }
    }
  }

  async #writeAndRemove(local: Local, signal: AbortSignal | undefined): Promise<void> {
    const key = keyOf(local)
    const before = this.#left.has(key) ? await this.#revision(local, signal) : undefined
    this.#left.set(key, local)
    const _rev = await this.#send(local, before === undefined ? {} : { _rev: before }, signal)
    await this.#remove(local, _rev, signal).catch(() => undefined)
  }

  async #remove(local: Local, _rev: string, signal: AbortSignal | undefined): Promise<void> {
    await this.#send(local, { _rev, _deleted: true }, signal)
    this.#left.delete(keyOf(local))
  }

  /** @returns the new revision */
  async #send({ collection, id }: Local, document: object, signal: AbortSignal | undefined): Promise<string> {
    const asked = { ...this.#client.asked(`writing to ${collection}`, 'DOCFERRY_TARGET', collection), sendsDocuments: true }
    const path = `/${encodeURIComponent(collection)}/_bulk_docs`
    const body = JSON.stringify({ docs: [{ _id: id, ...document }] })
    const row = rowIn(await this.#client.text({ method: 'POST', path, body, asked, signal }))
    if (typeof row?.rev === 'string') return row.rev
    throw new DocferryError('DOCFERRY_REFUSED', `writing to ${collection}: the server does not say that a local document is written`, {
      collection
    })
  }

  /** @returns undefined where it is not there */
  async #revision({ collection, id }: Local, signal: AbortSignal | undefined): Promise<string | undefined> {
    const asked = this.#client.asked(`asking whether ${collection} takes writes`, 'DOCFERRY_TARGET', collection)
    try {
      const text = await this.#client.text({ method: 'GET', path: `/${encodeURIComponent(collection)}/${id}`, asked, signal })
      const { _rev } = parseText(text) as { readonly _rev?: unknown }
      return typeof _rev === 'string' ? _rev : undefined
    } catch (error) {
      if (error instanceof DocferryError && error.retryable) throw error
      return undefined
    }
  }
}

function rowIn(text: string): Row | undefined {
  try {
    const [row] = parseText(text) as [Row?]
    return typeof row === 'object' && row !== null ? row : undefined
  } catch {
    return undefined
  }
}

function keyOf({ collection, id }: Local): string {
  return `${id} ${collection}`
}
