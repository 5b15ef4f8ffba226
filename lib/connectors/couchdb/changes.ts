/** Changes documents that nobody else has changed, and removes empty databases. */
import { slicesOf } from '../../engine/slices.ts'
import type { Change, ChangeOutcome, Held } from '../../types.ts'
import { createBulk, isConflict } from './bulk.ts'
import type { BulkOutcome } from './bulk.ts'
import type { Client } from './client.ts'
import { targetLimits } from './limits.ts'
import type { Revision } from './lookup.ts'
import { putWhole } from './multipart.ts'
import { withRevision } from './values.ts'
import type { EncodedWhole, Text } from './values.ts'

/**
 * See `Target.change`: a bulk write in which each document names the revision that was seen. What is removed leaves a tombstone, behind
 * which a document of its id can be written anew; what is replaced keeps its attachments.
 */
export async function changeDocuments(
  client: Client,
  collection: string,
  changes: readonly Change<Text>[],
  signal?: AbortSignal
): Promise<readonly ChangeOutcome[]> {
  const outcomes = new Array<BulkOutcome>(changes.length)
  const bulk = createBulk(client, collection, outcomes, { signal })
  const sendings = changes.flatMap(({ seen, put }, index) => {
    if (attachmentsOf(put).length > 0) return []
    const { id, revision, attachments } = (seen as Held<Revision>).version
    const text = put ? withRevision(put.payload, revision, attachments) : JSON.stringify({ _id: id, _rev: revision, _deleted: true })
    return [{ index, id, text }]
  })
  const { batchCount: most, batchBytes: mostBytes } = targetLimits
  for (const [index, { seen, put }] of changes.entries()) {
    const attachments = attachmentsOf(put)
    if (attachments.length === 0) continue
    const { id, revision } = (seen as Held<Revision>).version
    outcomes[index] = await putWhole(client, collection, { index, id, text: put!.payload, attachments }, revision, signal)
  }
  for (const slice of slicesOf(sendings, ({ text }) => text.length, { most, mostBytes })) await bulk(slice)
  return outcomes.map(outcome => (outcome === 'written' ? 'done' : isConflict(outcome) ? 'changed' : outcome))
}

function attachmentsOf(put: EncodedWhole | undefined): NonNullable<EncodedWhole['attachments']> {
  return put?.attachments ?? []
}

/** See `Target.dropCollection`. Design documents count as something: somebody has made them. */
export async function dropDatabase(client: Client, collection: string, signal?: AbortSignal): Promise<boolean> {
  const asked = client.asked(`removing ${collection}`, 'DOCFERRY_TARGET', collection)
  const info = await client.databaseInfo(collection, asked, signal)
  if (info?.doc_count !== 0) return false
  await client.deleteDatabase(collection, asked, signal)
  return true
}
