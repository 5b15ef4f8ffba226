/** Lines through stages to lines: what threads do, and what the main one does where there are none. */
import { applyStages } from '../engine/apply-stages.ts'
import type { TextPlace } from '../kernel/gathering.ts'
import { listLines } from '../kernel/lists.ts'
import type { Listed } from '../kernel/lists.ts'
import { Packed } from '../packed.ts'
import type { BlockPlace, Packing, PlainLine, Stretch } from '../packed.ts'
import type { Document, Stage, StageContext } from '../types.ts'
import { parseJson, parseText } from '../values/index.ts'
import { DocumentWriter, hasOddRevision, isVouchedFor } from './document-writer.ts'
import type { Written } from './document-writer.ts'
import { StageCounts } from './stage-counts.ts'
import { outlineBytes, workOutlines } from './work-outlines.ts'

export interface Work {
  /** What is left out before the stages get to see a document. */
  readonly packing: Packing
  /** They remember nothing: a line may come to them again. Nobody else holds what they are given: see `stagesInPlace`. */
  readonly stages: readonly Stage[]
  /** Index of the first of them among the run's. */
  readonly first: number
  /** The only ones that the stages look into, as `fieldsOfStages` tells them. */
  readonly fields: readonly string[] | undefined
  /** Of what is made: where it changes hands, its memory goes with it, and can't be lent. */
  readonly textPlace: TextPlace
  /** The same object for the same place: stages may keep what they make of it. */
  readonly contextOf: (place: BlockPlace) => StageContext
}

/**
 * A line is left as it came where the kernel does not know what stands in it, where a stage fails on it, and where what comes of it holds values that JSON
 * has no type for.
 *
 * @param block whole lines, valid UTF-8, at most `maxBlockBytes`
 */
export async function workLines(block: Buffer, place: BlockPlace, work: Work): Promise<Stretch[]> {
  const { fields } = work
  const most = fields ? outlineBytes : pieceBytes
  const worked: Stretch[] = []
  for (let from = 0; from < block.length;) {
    const to = block.indexOf(newline, Math.min(from + most, block.length) - 1) + 1
    const piece = block.subarray(from, to)
    const stretches = (fields && workOutlines(piece, place, work, fields)) ?? (await workPiece(piece, place, work))
    for (const each of stretches) worked.push(shifted(each, from))
    from = to
  }
  return worked
}

const newline = 0x0a

/** So much at once: its text and that of what comes of it are no large objects to V8, and its documents die young. */
const pieceBytes = 64 << 10

async function workPiece(block: Buffer, place: BlockPlace, work: Work): Promise<readonly Stretch[]> {
  const worked: Stretch[] = []
  let at = 0
  for (const stretch of listLines(block, work.packing, place)) {
    if ('came' in stretch) {
      const raw = block.subarray(at, at + stretch.bytes)
      for (const each of await workStretch(raw, stretch, place, work)) worked.push(shifted(each, at))
      at += stretch.bytes
    } else {
      worked.push(stretch)
      at = stretch.to + 1
    }
  }
  return worked
}

async function workStretch(raw: Buffer, listed: Listed, place: BlockPlace, work: Work): Promise<readonly Stretch[]> {
  const { count, digests, kinds, idHashes, dropped, members } = listed.came
  const { out, left, counts } = await throughStages(listed, work.contextOf(place), work)
  if (left.size > 0) {
    out.release?.()
    return await withoutLeft(raw, left, place, work)
  }
  const worked = counts.worked(count, work.stages, work.first)
  const packed = new Packed({ ...out, packing: work.packing, dropped, members, worked, lines: undefined })
  return [{ packed, bytes: listed.bytes, ...(place.digests && { came: { digests, kinds, idHashes } }) }]
}

interface Made {
  readonly out: Written
  /** Lines that have to go the plain way. */
  readonly left: ReadonlySet<number>
  readonly counts: StageCounts
}

async function throughStages({ text, specials }: Listed, context: StageContext, { stages, packing, textPlace }: Work): Promise<Made> {
  const counts = new StageCounts()
  const left = new Set<number>()
  const out = new DocumentWriter(left, textPlace, isVouchedFor(stages))
  let of = 0
  let special = 0
  const emit = (document: Document): void => void (hasOddRevision(document, packing) ? left.add(of) : out.write(document, of))
  for (const parsed of parseText(text) as (Document | 0)[]) {
    try {
      const document = parsed === 0 ? (parseJson(specials[special++]!) as Document) : parsed
      const pending = applyStages(stages, document, context, emit, counts)
      if (pending) await pending
    } catch {
      // The plain way meets it again, and knows what to do.
      left.add(of)
    }
    of++
  }
  return { out: out.end(), left, counts }
}

/** So many of a stretch's lines may go the plain way before all do, in which each is looked at once. */
const mostLeft = 1 / 8

/** What lies between the lines that are left is worked on by itself: what was dropped and filtered is known of whole stretches only. */
async function withoutLeft(raw: Buffer, left: ReadonlySet<number>, place: BlockPlace, work: Work): Promise<readonly Stretch[]> {
  const lines = linesOf(raw)
  if (left.size > lines.length * mostLeft) return lines
  const worked: Stretch[] = []
  let from = 0
  for (const [index, line] of lines.entries()) {
    if (!left.has(index)) continue
    if (line.from > from) for (const each of await workLines(raw.subarray(from, line.from), place, work)) worked.push(shifted(each, from))
    worked.push(line)
    from = line.to + 1
  }
  if (from < raw.length) for (const each of await workLines(raw.subarray(from), place, work)) worked.push(shifted(each, from))
  return worked
}

function linesOf(raw: Buffer): PlainLine[] {
  const lines: PlainLine[] = []
  for (let from = 0; from < raw.length;) {
    const to = raw.indexOf(newline, from)
    lines.push({ from, to })
    from = to + 1
  }
  return lines
}

function shifted(stretch: Stretch, by: number): Stretch {
  return 'packed' in stretch ? stretch : { from: stretch.from + by, to: stretch.to + by }
}
