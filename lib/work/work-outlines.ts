/**
 * Lines through stages that look into some fields only: these alone are parsed, and written, and what lies between them is copied as it is.
 */
import { applyStages } from '../engine/apply-stages.ts'
import { outlineLines } from '../kernel/outlines.ts'
import type { Outlined, Outlines } from '../kernel/outlines.ts'
import { Packed } from '../packed.ts'
import type { BlockPlace, PackedLines, Stretch } from '../packed.ts'
import type { Document, Stage, StageContext } from '../types.ts'
import { isOrdinary, parseJson, parseText } from '../values/index.ts'
import { hasOddRevision, isVouchedFor, listOf } from './document-writer.ts'
import { StageCounts } from './stage-counts.ts'
import type { Work } from './work-lines.ts'

/** Each is looked for among the fields of a document one after the other. */
const mostFields = 64
const longestName = 256

/** All that the kernel makes of so much at once stays in a core's cache. */
export const outlineBytes = 128 << 10

/** The fields that stages look into; undefined where one may look at all of them, or where looking them up would cost more than it saves. */
export function fieldsOfStages(stages: readonly Stage[]): readonly string[] | undefined {
  const fields = new Set<string>()
  for (const stage of stages) {
    if (!stage.fields) return undefined
    for (const field of stage.fields) fields.add(field)
  }
  // What begins so stands for what is not looked into.
  if (fields.size > mostFields || [...fields].some(field => field.startsWith('$') || field.length > longestName)) return undefined
  return [...fields]
}

/** As `workLines`, for a piece of a block. @returns undefined where it has to be looked into line by line */
export function workOutlines(block: Buffer, place: BlockPlace, work: Work, fields: readonly string[]): readonly Stretch[] | undefined {
  if (slow.has(work.stages)) return undefined
  const outlines = outlineLines(block, work.packing, fields, place)
  if (!outlines) return undefined
  const worked: Stretch[] = []
  for (const stretch of outlines.stretches) {
    if (!('came' in stretch)) worked.push(stretch)
    else {
      const made = workStretch(stretch, outlines.fill, place, work)
      if (!made) return undefined
      worked.push(made)
    }
  }
  return worked
}

type Fill = Outlines['fill']

function workStretch({ came, bytes, ...outlined }: Outlined, fill: Fill, place: BlockPlace, work: Work): PackedLines | undefined {
  const { packing, stages, first } = work
  const counts = new StageCounts()
  const made = throughStages(outlined, stages, work.contextOf(place), counts)
  if (made?.some(document => hasOddRevision(document, packing))) return undefined
  const filled = made && fillAll(made, stages, list => fill(list, made.length, work.textPlace))
  if (!filled) return undefined
  const { count, digests, kinds, idHashes, dropped, members } = came
  const worked = counts.worked(count, stages, first)
  const packed = new Packed({ ...filled.parts(), packing, dropped, members, worked, lines: undefined })
  return { packed, bytes, ...(place.digests && { came: { digests, kinds, idHashes } }) }
}

/** @returns undefined where a stage fails, for the plain way meets it again, and knows what to do; or where it has to be waited for */
function throughStages(
  { text, hasSpecials }: Pick<Outlined, 'text' | 'hasSpecials'>,
  stages: readonly Stage[],
  context: StageContext,
  counts: StageCounts
): Document[] | undefined {
  const made: Document[] = []
  const emit = (document: Document): void => void made.push(document)
  try {
    for (const document of (hasSpecials ? parseJson(text) : parseText(text)) as Document[]) {
      const pending = applyStages(stages, document, context, emit, counts)
      if (!pending) continue
      slow.add(stages)
      // What comes of it is asked for where it is waited for.
      pending.catch(() => undefined)
      return undefined
    }
  } catch {
    return undefined
  }
  return made
}

/** @returns undefined where nothing can be written of one of them, or the kernel does not know it */
function fillAll(made: readonly Document[], stages: readonly Stage[], fill: (list: string) => Packed | undefined): Packed | undefined {
  try {
    return fill(listOf(made, isSimple, isVouchedFor(stages)))
  } catch {
    return undefined
  }
}

/** What stands for gaps is no envelope. */
function isSimple(document: Document): boolean {
  if (Object.getPrototypeOf(document) !== Object.prototype) return false
  for (const name in document) if (!name.startsWith('$') && !isOrdinary(document[name]!)) return false
  return true
}

/** Stages that have answered with a promise: they are waited for document by document. */
const slow = new WeakSet<readonly Stage[]>()
