/** Whether a database writes at all: a local document, which no list and no replication shows, is written by `_bulk_docs` and removed again. */
import { randomUUID } from 'node:crypto'
import { parseText } from '../../values/index.ts'
import type { Client } from './client.ts'
import { brokenAnswer } from './errors.ts'

/** @throws {DocferryError} as writing a document does */
export function takesWrites(client: Client) {
  return async (collection: string, { signal }: { readonly signal?: AbortSignal }): Promise<void> => {
    const asked = { ...client.asked(`writing to ${collection}`, 'DOCFERRY_TARGET', collection), sendsDocuments: true }
    const path = `/${encodeURIComponent(collection)}/_bulk_docs`
    const _id = `_local/docferry-${randomUUID()}`
    const send = async (document: object): Promise<string | undefined> =>
      revisionIn(await client.text({ method: 'POST', path, body: JSON.stringify({ docs: [document] }), asked, signal }))
    const _rev = await send({ _id })
    if (_rev === undefined) throw brokenAnswer(asked, 'does not say that a local document is written')
    // Written it is: what stays of it is in nobody's way.
    await send({ _id, _rev, _deleted: true }).catch(() => undefined)
  }
}

function revisionIn(text: string): string | undefined {
  try {
    const [row] = parseText(text) as [{ readonly rev?: unknown }?]
    return typeof row?.rev === 'string' ? row.rev : undefined
  } catch {
    return undefined
  }
}
