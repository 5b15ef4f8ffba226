/**
 * CouchDB 2.3 and later, and PouchDB behind its protocol. A collection is a database.
 *
 * Reads by `_all_docs` in ranges of ids, writes by `_bulk_docs` without revisions, so that a conflict is found by the server itself.
 */
import type { Connector } from '../../types.ts'
import { Client } from './client.ts'
import { facts } from './facts.ts'
import { inspect } from './inspect.ts'
import { configure, settle } from './options.ts'
import type { CouchdbOptions } from './options.ts'
import { createSource } from './reader.ts'
import { createReplicator } from './replicator.ts'
import { createTarget } from './writer.ts'

export type { CouchdbOptions } from './options.ts'

export const couchdbConnector: Connector<CouchdbOptions> = {
  name: 'couchdb',
  configure,
  async openSource(options, context) {
    const { signal, attachments } = context
    const client = new Client(settle(options), context)
    await client.connect(signal)
    return createSource(client, { attachments })
  },
  async openTarget(options, context) {
    const { signal, rules, attachments } = context
    const client = new Client(settle(options), context)
    await client.connect(signal)
    return createTarget(client, rules, { attachments })
  },
  async openReplicator({ on, source, target, sourceUrl, targetUrl }, context) {
    const client = async (options: CouchdbOptions): Promise<Client> => {
      const opened = new Client(settle(options), context)
      await opened.connect(context.signal)
      return opened
    }
    const ends = source && target && { source: await client(source), target: await client(target) }
    return createReplicator({ on: await client(on), ...(ends && { ends }), sourceUrl, targetUrl })
  },
  facts,
  async inspect(options, context, asked) {
    const { signal } = context
    const client = new Client(settle(options), context)
    try {
      await client.connect(signal)
      return await inspect(client, { signal, ...asked })
    } finally {
      client.close()
    }
  }
}
