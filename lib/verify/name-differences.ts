/** Names what differs in the documents that were kept of both sides, and differs still when they are looked at once more. */
import type { RetryOptions } from '../engine/retry.ts'
import type { OnConflict, Target } from '../types.ts'
import type { Copies } from './copies.ts'
import type { DifferenceList } from './differences.ts'
import { differingPaths } from './differing-paths.ts'
import type { Differing } from './differing-paths.ts'
import type { CollectionLook } from './first-look.ts'
import type { VerifyReport } from './report.ts'
import { differingIds } from './second-look.ts'
import type { BucketNotes } from './second-look.ts'
import { mostSettled, Settler } from './settle.ts'
import type { LookingEnd, Settled } from './settle.ts'
import type { Spool } from './spool.ts'
import { countLeast, suspect } from './suspects.ts'
import { plural } from '../values/format-count.ts'

/** Those that can be asked for single documents. */
export interface LookingEnds {
  readonly source?: LookingEnd
  readonly held?: LookingEnd
}

export interface NamingOptions {
  readonly spool: Spool
  readonly target: Target
  readonly ends: LookingEnds
  readonly list: DifferenceList
  readonly report: VerifyReport
  readonly retry: RetryOptions
  /** See `SettleOptions`. */
  readonly waitMs?: number | undefined
  readonly showValues: boolean
  /** Of the run whose receipt it is, where it is one's. */
  readonly onConflict?: OnConflict | undefined
}

type Looks = ReadonlyMap<string, CollectionLook>

/** @param looks of the collections of which documents were kept */
export async function nameDifferences(looks: Looks, options: NamingOptions): Promise<void> {
  const { spool, target, ends, list, report, retry, waitMs, onConflict } = options
  const untrue = new Map([...looks].map(([name, { witness, kinds }]) => [name, witness?.untrue(kinds) ?? new Set<number>()]))
  for (const [name, look] of looks) countLeast(look, onConflict, bucket => untrue.get(name)!.has(bucket))
  const notes: BucketNotes = {
    repeats: new Map(),
    settled: new Map(),
    untrue,
    onSuspect: (collection, id) => suspect(looks.get(collection)!, id, list),
    onOther(collection, id) {
      const reason = 'the source holds the id more than once, and this is not what the run wrote'
      // The receipt holds each of its documents, and the target the last.
      if (onConflict === 'overwrite') looks.get(collection)!.report.equal++
      else list.add({ collection, id, kind: 'different', reason })
    }
  }
  const settler = new Settler({ ...retry, target, kinds: name => looks.get(name)!.kinds, waitMs, ...ends }, settled =>
    tell(settled, looks, options)
  )
  for await (const found of differingIds(spool, looks, notes)) {
    await settler.add(found)
    await list.drained()
  }
  await settler.finish()
  for (const name of settler.tooMany)
    report.notes.push(
      `${name}: only the first ${mostSettled} differences were looked at again; some of the others may have been changed only meanwhile`
    )
  for (const [name, count] of notes.repeats)
    report.notes.push(`${name}: the source holds ${plural(count, 'id')} more than once; the target holds one of the documents of each`)
  for (const [name, count] of notes.settled) looks.get(name)!.report.changedMeanwhile += count
  for (const [name, look] of looks) {
    if (look.report.suspects === undefined) continue
    report.notes.push(
      `${name}: the source is not what the run has read any more, or holds documents that could not be written; where it is not, only the least is counted that is wrong, and the suspects are what the target holds there`
    )
  }
  if (!spool.hasAllTexts) report.notes.push('there are so many differences that not all documents were kept to be compared by their fields')
}

function tell({ held, verdict, documents }: Settled, looks: Looks, options: NamingOptions): void {
  const { collection, id } = held
  const { report } = looks.get(collection)!
  if (verdict.kind === 'equal') {
    report.changedMeanwhile++
    if (held.target.count > 0) report.equal++
    return
  }
  const { kind } = verdict
  if (kind === 'extra' && looks.get(collection)!.allowsExtra) {
    report.beside++
    return
  }
  const compared =
    kind === 'different' || kind === 'changing'
      ? differingIn(held, documents, { ...options, kinds: looks.get(collection)!.kinds })
      : undefined
  const reason = kind === 'missing' ? held.source.reason : undefined
  const times = 'times' in verdict ? verdict.times : undefined
  const side = 'side' in verdict ? verdict.side : undefined
  const known = { ...(reason !== undefined && { reason }), ...(side && { side }), ...(times !== undefined && { times }) }
  options.list.add({ collection, id, kind, ...compared, ...known })
}

function differingIn(
  held: Settled['held'],
  documents: Settled['documents'],
  { spool, kinds, showValues }: Pick<NamingOptions, 'spool' | 'showValues'> & { readonly kinds: boolean }
): Differing | undefined {
  const last = (side: Copies) => side.last && spool.textOf(side.last)
  const source = documents?.source ?? last(held.source)
  const target = documents?.target ?? last(held.target)
  if (!source || !target) return undefined
  return differingPaths(source, target, { kinds, values: showValues })
}
