/** Whether there are documents already where an import would write, or anything to export. */
import { DocferryError } from '../../../errors.ts'
import { withRetry } from '../../../engine/retry.ts'
import type { Logger } from '../../../types.ts'
import { connect, type CallSettings, type FirestoreConnection } from '../client.ts'
import type { FirestoreOptions } from '../options.ts'
import { namesOnly } from '../queries.ts'

const attempts = 4

/** A connection for documents beside the one for backups, opened when first needed: accounts for backups alone may not see documents. */
export class DocumentLook {
  readonly #options: FirestoreOptions
  readonly #logger: Logger
  #connection: FirestoreConnection | undefined

  constructor(options: FirestoreOptions, logger: Logger) {
    this.#options = options
    this.#logger = logger
  }

  /** @param collection its id, at whatever depth; undefined: any. @returns undefined where the account may not see documents */
  async holds(collection: string | undefined, settings: CallSettings): Promise<boolean | undefined> {
    try {
      this.#connection ??= await connect(this.#options, { signal: settings.signal, logger: this.#logger })
      return await this.#holds(this.#connection, collection, settings)
    } catch (error) {
      if (error instanceof DocferryError && error.code === 'DOCFERRY_PERMISSION') return undefined
      throw error
    }
  }

  async #holds(connection: FirestoreConnection, collection: string | undefined, settings: CallSettings): Promise<boolean> {
    const from = [{ allDescendants: true, ...(collection !== undefined && { collectionId: collection }) }]
    const structuredQuery = { select: { fields: namesOnly }, from, limit: { value: 1 } }
    const context = connection.context('read', collection)
    const ask = (): Promise<{ readonly document: object | null }[]> =>
      connection.collectObjects('RunQuery', { parent: connection.root, structuredQuery }, context, settings)
    const answers = await withRetry(ask, { signal: settings.signal, attempts })
    return answers.some(({ document }) => document !== null)
  }

  async close(): Promise<void> {
    await this.#connection?.close()
  }
}
