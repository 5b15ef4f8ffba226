/** Whether the documents of a run can travel packed, and what the stages are told that they then do not see. */
import type { Packed, Packing } from '../packed.ts'
import type { RunStage, Source, Stage, Target } from '../types.ts'

const mostDropped = 32
/** What a user is told the number of. */
const counted = '_attachments'

/** @returns undefined where an end does not know packed documents, or a stage looks into them */
export function packingFor(source: Source, target: Target, stages: readonly RunStage[]): Packing | undefined {
  if (!source.packs || !(target.writePacked || target.lines)) return undefined
  const fields = new Set<string>()
  for (const stage of stages) {
    const drops = 'apply' in stage ? stage.drops : undefined
    if (!drops) return undefined
    for (const field of drops) fields.add(field)
  }
  const drop = [...fields]
  if (drop.length > mostDropped || fields.has('_id')) return undefined
  const byLine = !target.writePacked && { byLine: true, noUnderscores: target.lines?.noUnderscores ?? false }
  return { drop, ...(fields.has(counted) && { counted }), ...byLine }
}

/** Tell each stage what was dropped in its place: the first one that wants a field has it. */
export function tellDropped(stages: readonly Stage[], collection: string, { packing, dropped, members }: Packed): void {
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
