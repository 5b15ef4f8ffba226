/** Whether the documents of a run can travel packed, and what the stages are told that they then do not see. */
import type { Packed, Packing } from '../packed.ts'
import type { Leaving, LeftOut, RunStage, Source, Stage, StageContext, Target } from '../types.ts'
import type { StageObserver } from './apply-stages.ts'

const mostDropped = 32
/** A reader may leave out one more of its own, and the sign of a number is no field's. */
const mostLeftOut = 30
/** What a user is told the number of. */
const counted = '_attachments'

/** What a reader does in place of the first stages, and the stages that are left. */
export interface Division {
  readonly packing: Packing
  /** They look into documents, and remember nothing. */
  readonly stages: readonly Stage[]
  /** Index of the first of them. */
  readonly first: number
}

/** @returns undefined where an end does not know packed documents, or a stage has to see them one by one */
export function packingFor(source: Source, target: Target, stages: readonly RunStage[]): Division | undefined {
  if (!source.packs || !(target.writePacked || target.lines)) return undefined
  const drop = new Set<string>()
  let first = 0
  for (const stage of stages) {
    const fields = 'apply' in stage ? stage.drops : undefined
    if (!fields || fields.includes('_id') || new Set([...drop, ...fields]).size > mostDropped) break
    for (const field of fields) drop.add(field)
    first++
  }
  const left = stages.slice(first).flatMap(stage => (isPure(stage) ? [stage] : []))
  if (first + left.length < stages.length || (left.length > 0 && !(source.works && target.writePacked))) return undefined
  // Marks stand close together where batches do.
  const how = target.writePacked
    ? { special: true }
    : {
        byLine: true,
        most: target.limits.batchCount,
        noUnderscores: target.lines?.noUnderscores ?? false
      }
  return { packing: { drop: [...drop], ...(drop.has(counted) && { counted }), ...how }, stages: left, first }
}

/**
 * What a reader may do in place of the first stages where documents come as objects.
 *
 * @param options `digests`: whether these are of use; `keepsFailed`: whether a document for which a stage ends the run is kept as it was read
 * @returns undefined where they have to be seen as they are
 */
export function leavingFor(
  stages: readonly RunStage[],
  { digests, keepsFailed }: { readonly digests: boolean; readonly keepsFailed: boolean }
): Leaving | undefined {
  const fields: string[] = []
  let first = 0
  for (const stage of stages) {
    const drops = 'apply' in stage ? stage.drops : undefined
    const more = drops?.filter(field => !fields.includes(field))
    if (!more || more.includes('_id') || fields.length + more.length > mostLeftOut) break
    fields.push(...more)
    first++
  }
  if (keepsFailed && stages.slice(first).some(stage => !('apply' in stage) || (stage.onError ?? 'fail') === 'fail')) return undefined
  const keepsDigests = stages.every(stage => 'apply' in stage && stage.changesInPlace === false)
  return { fields, ...(fields.includes(counted) && { counted }), digests: digests && keepsDigests }
}

function isPure(stage: RunStage): stage is Stage {
  return 'apply' in stage && stage.isPure === true && !stage.state && !stage.open && !stage.close && !stage.isSated && !stage.notes
}

/** Tell those who count what has become of documents that they do not see. */
export function tellPacked(stages: readonly Stage[], context: StageContext, packed: Packed, observer: StageObserver): void {
  observer.onPacked?.(context.collection, packed)
  tellDropped(stages, context.collection, packed)
  if (!packed.worked) return
  const { filtered, added } = packed.worked
  for (const { stage, count, failed } of filtered) {
    for (let index = 0; index < count; index++) observer.onFiltered?.(stages[stage]!, context, index < failed)
  }
  if (added > 0) observer.onAdded?.(added, context)
}

/** The same of one document that came without some fields. */
export function tellLeftOut(stages: readonly Stage[], collection: string, { fields, counted }: Leaving, left: LeftOut): void {
  for (let bits = left.fields; bits !== 0; bits &= bits - 1) {
    const field = fields[31 - Math.clz32(bits & -bits)]!
    const stage = stages.find(({ drops = [] }) => drops.includes(field))
    stage?.onDropped?.(collection, field, 1, field === counted ? left.members : 0)
  }
}

/** The first stage that wants a field has it. */
function tellDropped(stages: readonly Stage[], collection: string, { packing, dropped, members }: Packed): void {
  const told = new Set<string>()
  for (const { drops = [], onDropped } of stages) {
    for (const field of drops) {
      if (told.has(field)) continue
      told.add(field)
      const count = dropped[packing.drop.indexOf(field)] ?? 0
      if (count > 0) onDropped?.(collection, field, count, field === packing.counted ? members : 0)
    }
  }
}
