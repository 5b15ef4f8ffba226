/** Splits a database into ranges of ids that hold about as many documents each, at the cost of a few small requests. */
import { runParallel } from '../../engine/run-parallel.ts'
import { DocferryError } from '../../errors.ts'
import type { Partition } from '../../types.ts'
import { allDocsRequest } from './all-docs.ts'
import type { Client } from './client.ts'
import { AnswerError } from './errors.ts'
import { formatCount } from '../../values/format-count.ts'

/** Fewer documents than this are not worth a range of their own. */
const leastDocuments = 1_000
/** Ids at both ends of which a server without ranks is not asked for a boundary near: a few that begin otherwise say nothing of the others. */
const outliers = 50
/** Steps of the search for one boundary. Each halves the documents in question, or at worst the space of ids. */
const mostSteps = 40
/** Each waits for its server most of the time. */
const searchesAtOnce = 4
/** How far from its best place a boundary may be, as a share of a range. */
const tolerance = 0.05

/** A real id and how many ids come before it. */
interface Place {
  readonly id: string
  readonly rank: number
}

interface Asking {
  /** Told each answer of `_all_docs`. */
  readonly onAnswer?: (text: string) => void
  readonly signal?: AbortSignal
}

interface SplitOptions extends Asking {
  readonly wanted: number
}

/**
 * CouchDB tells the rank of a key (`offset`) from its index without walking. So each boundary is found by bisection, between ids that
 * exist. All boundaries are ids of documents: a range begins with its own and ends before the next, so that no document is in two.
 */
export async function splitByRank(client: Client, database: string, { wanted, ...asking }: SplitOptions): Promise<Partition[]> {
  const probe = createProbe(client, database, asking)
  const first = await probe({})
  const total = first.total
  if (client.pouchdb && total > 0) await checkListing(database, probe, total)
  const count = Math.max(1, Math.min(wanted, Math.floor(total / leastDocuments)))
  const boundaries = count > 1 && first.place ? await findBoundaries(probe, first.place, total, count) : []
  const edges = [null, ...boundaries, null]
  return edges.slice(1).map((end, index) => ({
    id: `${database}/${index + 1}of${edges.length - 1}`,
    collections: [database],
    range: { start: edges[index] ?? null, end: end ?? null }
  }))
}

/** From the first id that a design document can have to behind the last. */
const design = { start: '_design/', end: '_design0' } as const

/** What is left of a range of ids when the design documents are read by themselves: itself, or the parts before and behind them. */
export function withoutDesign(partition: Partition): Partition[] {
  const { start = null, end = null } = (partition.range ?? {}) as { start?: string | null; end?: string | null }
  const isBefore = end !== null && compareIds(end, design.start) <= 0
  const isBehind = start !== null && compareIds(start, design.end) >= 0
  if (isBefore || isBehind) return [partition]
  const before = start === null || compareIds(start, design.start) < 0 ? [{ ...partition, range: { start, end: design.start } }] : []
  const hasRest = end === null || compareIds(end, design.end) > 0
  return hasRest ? [...before, { ...partition, id: `${partition.id}b`, range: { start: design.end, end } }] : before
}

/** They come when all else is there: their functions judge what is written. */
export function designPartition(database: string): Partition {
  return { id: `${database}/design`, collections: [database], range: design, turn: 1 }
}

/** In the order of their UTF-8 bytes, which is that of `_all_docs`. */
function compareIds(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

interface Probed {
  readonly total: number
  readonly place: Place | undefined
}

type Probe = (parameters: Readonly<Record<string, unknown>>) => Promise<Probed>

function createProbe(client: Client, database: string, { onAnswer, signal }: Asking): Probe {
  const asked = client.asked(`splitting ${database}`, 'DOCFERRY_READ', database)
  return async parameters => {
    try {
      const answer = await client.json({ ...allDocsRequest(database, { ...parameters, limit: 1 }), asked, signal }, onAnswer)
      const { total_rows: total, offset, rows } = answer as { total_rows?: unknown; offset?: unknown; rows?: { id: string }[] }
      const id = rows?.[0]?.id
      return {
        total: typeof total === 'number' ? total : 0,
        place: id === undefined ? undefined : { id, rank: typeof offset === 'number' ? offset : 0 }
      }
    } catch (error) {
      if (!(error instanceof AnswerError) || error.answer.status !== 404) throw error
      throw new DocferryError('DOCFERRY_NO_SUCH_COLLECTION', `${database}: no such database at ${client.address}`, {
        provider: 'couchdb',
        collection: database,
        cause: error
      })
    }
  }
}

/** PouchDB's LevelDB adapters leave ids out of their listing that begin with a character past U+07FF, but count them. */
async function checkListing(database: string, probe: Probe, total: number): Promise<void> {
  const { place, total: now } = await probe({ skip: total - 1 })
  if (place || now < total) return
  const message = `${database}: PouchDB lists fewer than the ${formatCount(total)} documents that it counts; replicate it into a CouchDB first`
  throw new DocferryError('DOCFERRY_READ', message, { provider: 'couchdb', collection: database })
}

async function findBoundaries(probe: Probe, first: Place, total: number, count: number): Promise<string[]> {
  const last = (await probe({ descending: true })).place
  if (!last) return []
  const lastRank = total - 1
  if ((await probe({ startkey: last.id })).place?.rank !== lastRank) return await guessBoundary(probe, first)
  const found = new Map<string, number>()
  const find = async (index: number): Promise<void> => {
    const target = Math.round((total * index) / count)
    const place = await bisect(probe, first, { id: last.id, rank: lastRank }, target, (total / count) * tolerance)
    found.set(place.id, place.rank)
  }
  const indexes = Array.from({ length: count - 1 }, (_, at) => at + 1)
  await runParallel(indexes, searchesAtOnce, find)
  found.delete(first.id)
  const boundaries = [...found].sort(([, a], [, b]) => a - b).map(([id]) => id)
  return (await areInOrder(probe, boundaries)) ? boundaries : []
}

/**
 * Where a server doesn't tell the rank of an id it walks over what it skips (PouchDB), which takes it a quarter of the time of reading that. As it does all
 * its work in one thread, two ranges are enough, of whatever sizes: while one answer waits for the other end, the other is made.
 */
async function guessBoundary(probe: Probe, first: Place): Promise<string[]> {
  const low = (await probe({ skip: outliers })).place
  const high = (await probe({ descending: true, skip: outliers })).place
  if (!low || !high) return []
  const { place } = await probe({ startkey: between(low.id, high.id) })
  return place && place.id !== first.id ? [place.id] : []
}

/** Whether the server has them in this order: ranks may have moved while they were looked up. */
async function areInOrder(probe: Probe, boundaries: readonly string[]): Promise<boolean> {
  for (const [index, end] of boundaries.entries()) {
    const start = boundaries[index - 1]
    if (start === undefined) continue
    const { place } = await probe({ startkey: start, endkey: end, inclusive_end: false })
    if (place?.id !== start) return false
  }
  return true
}

/** The place nearest to a rank, or near enough. `low` and `high` are narrowed to ids that exist, so that common beginnings cost nothing. */
async function bisect(probe: Probe, low: Place, high: Place, target: number, slack: number): Promise<Place> {
  const distance = ({ rank }: Place): number => Math.abs(rank - target)
  let best = distance(low) < distance(high) ? low : high
  for (let step = 0; step < mostSteps && high.rank - low.rank > 1 && distance(best) > slack; step++) {
    const middle = between(low.id, high.id)
    const { place } = await probe({ startkey: middle })
    if (!place || place.id === low.id || place.rank < low.rank || place.rank > high.rank) break
    if (distance(place) < distance(best)) best = place
    if (place.rank < target) {
      low = place
      continue
    }
    const below = (await probe({ startkey: middle, descending: true })).place
    if (!below) break
    const before = { id: below.id, rank: below.id === place.id ? place.rank : place.rank - 1 }
    if (distance(before) < distance(best)) best = before
    if (before.rank < target) return best
    high = before
  }
  return best
}

/** A text about half-way between two, in the order of their UTF-8 bytes, which is that of `_all_docs`. */
export function between(low: string, high: string): string {
  const a = [...low]
  const b = [...high]
  let same = 0
  while (same < a.length && a[same] === b[same]) same++
  let carry = 0
  const digits: number[] = []
  for (let index = same; index < same + precision; index++) {
    const sum = codeAt(a, index) + codeAt(b, index) + carry * base
    digits.push(Math.floor(sum / 2))
    carry = sum % 2
  }
  return a.slice(0, same).join('') + digits.map(textOf).join('')
}

/** Characters after the common beginning that count. */
const precision = 6
const base = 0x10ffff + 1 - 0x800

/** Characters as digits: code points without the gap of the surrogates. */
function codeAt(characters: readonly string[], index: number): number {
  const code = characters[index]?.codePointAt(0) ?? 0
  return code > 0xdfff ? code - 0x800 : code
}

function textOf(digit: number): string {
  return String.fromCodePoint(digit >= 0xd800 ? digit + 0x800 : digit)
}
