/** What a place holds, as the sums that a receipt of it would have. */
import { openSource } from '../../lib/open.ts'
import type { Endpoint } from '../../lib/open.ts'
import { BucketSums } from '../../lib/values/bucket-sums.ts'
import { documentDigests } from '../../lib/values/index.ts'
import { readReceipt } from '../../lib/verify/read-receipt.ts'
import type { Receipt } from '../../lib/verify/receipt.ts'

export async function sumsIn(endpoint: Endpoint, collections: readonly string[]): Promise<ReadonlyMap<string, BucketSums>> {
  const source = await openSource(endpoint)
  try {
    const sums = new Map(collections.map(name => [name, new BucketSums()]))
    for (const partition of await source.partitions(collections, { wanted: 2 })) {
      for await (const { collection, documents } of source.read(partition, {})) {
        for (const { _rev, ...rest } of documents) {
          const document = source.location.provider === 'couchdb' || _rev === undefined ? rest : { ...rest, _rev }
          sums.get(collection)!.add(document._id, documentDigests(document))
        }
      }
    }
    return sums
  } finally {
    await source.close()
  }
}

/** In what a receipt and a place differ; none where they agree. */
export async function differencesFrom(path: string | undefined, endpoint: Endpoint): Promise<string[]> {
  if (path === undefined) return ['there is no receipt']
  const receipt = await readReceipt(path)
  const held = await sumsIn(
    endpoint,
    receipt.collections.map(({ target }) => target)
  )
  return receipt.collections.flatMap(collection => differencesOf(collection, held.get(collection.target)!))
}

function differencesOf({ target, counts, written, skipped }: Receipt['collections'][number], held: BucketSums): string[] {
  const differing = written.differing(held, { kinds: false }).length
  return [
    ...(differing > 0 ? [`${target}: ${differing} buckets differ`] : []),
    ...(written.count === counts.written && written.count === held.count
      ? []
      : [`${target}: ${written.count} of ${counts.written} written, ${held.count} held`]),
    ...(skipped.count === counts.skipped ? [] : [`${target}: ${skipped.count} of ${counts.skipped} skipped`])
  ]
}
