/** Whether the documents of a run can travel packed, and what the stages are told that they then do not see. */
import type { Packed, Packing } from '../packed.ts'
import type { RunStage, Source, Stage, StageContext, Target } from '../types.ts'
import type { StageObserver } from './apply-stages.ts'

const mostDropped = 32
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
