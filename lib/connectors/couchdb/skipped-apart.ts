/** Documents that were skipped, and have other attachments in the database than those that would have come: a copy that looks whole, and is not. */
import type { Client } from './client.ts'
import { heldRows } from './lookup.ts'
import type { SendingWhole } from './multipart.ts'
import { stubsOf } from './attachments.ts'
import { plural } from '../../values/format-count.ts'

export class SkippedApart {
  readonly #client: Client
  /** By database. */
  readonly #counts = new Map<string, number>()

  constructor(client: Client) {
    this.#client = client
  }

  /** By names and lengths: CouchDB's digests are of what it stores, and can't be compared. @param skipped documents with attachments */
  async look(collection: string, skipped: readonly SendingWhole[], signal?: AbortSignal): Promise<void> {
    if (skipped.length === 0) return
    const rows = await heldRows(
      this.#client,
      collection,
      skipped.map(({ id }) => id),
      signal
    )
    const lengths = new Map(
      rows.map(({ key, document }) => [key, new Map(document ? stubsOf(document).map(([name, { length }]) => [name, length]) : [])])
    )
    const apart = skipped.filter(({ id, attachments }) => {
      const held = lengths.get(id)
      return held !== undefined && !attachments.every(({ name, length }) => held.get(name) === length)
    })
    if (apart.length > 0) this.#counts.set(collection, (this.#counts.get(collection) ?? 0) + apart.length)
  }

  notes(): readonly string[] {
    return [...this.#counts].map(
      ([collection, count]) =>
        `${collection}: ${plural(count, 'document that was skipped lacks attachments', 'documents that were skipped lack attachments')} of the source, or has others: --on-conflict overwrite writes ${count === 1 ? 'it' : 'them'} with ${count === 1 ? 'its' : 'their'} attachments`
    )
  }
}
