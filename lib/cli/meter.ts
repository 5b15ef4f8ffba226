/** How fast a run goes: rates over its last seconds, so that a slow end shows soon and a short hiccup does not. */
import type { CollectionReport, Counts, RunReport } from '../report.ts'

export interface Rate {
  readonly documentsPerSecond: number
  readonly bytesPerSecond: number
}

interface Sample {
  readonly atMs: number
  readonly documents: number
  readonly bytes: number
}

/** Documents whose fate is known, out of those that the source holds. */
export function settledDocuments(counts: Counts): number {
  return Math.max(0, counts.written + counts.skipped + counts.filtered + counts.failed - counts.added)
}

/** Those that this process has settled, and the bytes that it has read for them: the time of a run that goes on is that of this process. */
export function settledNow(collection: CollectionReport): { readonly documents: number; readonly bytes: number } {
  const { before, bytesRead } = collection
  const documents = settledDocuments(collection) - (before ? settledDocuments(before) : 0)
  return { documents: Math.max(0, documents), bytes: Math.max(0, bytesRead - (before?.bytesRead ?? 0)) }
}

const windowMs = 5000
const sampleEveryMs = 200

export class Meter {
  readonly #samples = new Map<string, Sample[]>()

  /** Take a sample of everything that is running. Cheap to call more often than needed. */
  sample(report: Readonly<RunReport>, nowMs: number): void {
    const total = { documents: 0, bytes: 0 }
    for (const collection of report.collections) {
      const now = settledNow(collection)
      total.documents += now.documents
      total.bytes += now.bytes
      const key = keyOf(collection)
      if (collection.state === 'running') this.#add(key, { atMs: nowMs, ...now })
      else if (collection.state === 'done') this.#samples.delete(key)
    }
    this.#add(totalKey, { atMs: nowMs, ...total })
  }

  /** @returns undefined until two samples tell something */
  rate(collection?: CollectionReport): Rate | undefined {
    const samples = this.#samples.get(collection === undefined ? totalKey : keyOf(collection))
    const first = samples?.[0]
    const last = samples?.at(-1)
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return undefined
    const seconds = (last.atMs - first.atMs) / 1000
    return { documentsPerSecond: (last.documents - first.documents) / seconds, bytesPerSecond: (last.bytes - first.bytes) / seconds }
  }

  #add(key: string, sample: Sample): void {
    const samples = this.#samples.get(key) ?? []
    if (samples.length === 0) this.#samples.set(key, samples)
    const before = samples.at(-1)
    if (before !== undefined && sample.atMs - before.atMs < sampleEveryMs) return
    samples.push(sample)
    while (samples.length > 2 && sample.atMs - samples[1]!.atMs >= windowMs) samples.shift()
  }
}

const totalKey = 'total'

function keyOf(collection: CollectionReport): string {
  return `collection ${collection.source}`
}

/** What is done out of what is expected, 0 to 1, from documents where their number is known and from bytes otherwise. */
export function fractionDone(collections: readonly CollectionReport[]): number | undefined {
  let done = 0
  let expected = 0
  let bytesDone = 0
  let bytesExpected = 0
  let documentsKnown = true
  let bytesKnown = true
  for (const collection of collections) {
    const finished = collection.state === 'done'
    const settled = settledDocuments(collection)
    done += settled
    bytesDone += collection.bytesRead
    expected += finished ? settled : Math.max(collection.expected ?? 0, settled)
    bytesExpected += finished ? collection.bytesRead : Math.max(collection.expectedBytes ?? 0, collection.bytesRead)
    documentsKnown &&= finished || (collection.expected !== undefined && collection.expected >= settled)
    bytesKnown &&= finished || (collection.expectedBytes !== undefined && collection.expectedBytes >= collection.bytesRead)
  }
  if (documentsKnown) return expected > 0 ? done / expected : collections.every(({ state }) => state === 'done') ? 1 : 0
  return bytesKnown && bytesExpected > 0 ? bytesDone / bytesExpected : undefined
}

/** Milliseconds left at the present rate. */
export function timeLeftMs(collections: readonly CollectionReport[], rate: Rate | undefined): number | undefined {
  const fraction = fractionDone(collections)
  if (fraction === undefined || rate === undefined || rate.documentsPerSecond <= 0 || fraction <= 0) return undefined
  const settled = collections.reduce((sum, collection) => sum + settledDocuments(collection), 0)
  return ((settled / fraction - settled) / rate.documentsPerSecond) * 1000
}
