/** One line of an undo journal: a document that a run wrote, and what it replaced; or that it did not write what it meant to. */
import { isSameMark, markLength, markOf, parseJson, stringifyJson, writeMark } from '../values/index.ts'
import type { Packed } from '../packed.ts'
import type { Document, Mark } from '../values/index.ts'

export interface UndoEntry {
  /** Its name in the target. */
  readonly collection: string
  readonly id: string
  /** Of the document that the run wrote, as the target gives it back. Its kinds are told where the target keeps these. */
  readonly after: Mark
  /** What it replaced. Missing of a document that the run made. */
  readonly before?: Before
}

export interface Before {
  readonly document: Document
  readonly mark: Mark
}

/** What the entry before it says did not come to be: the target held a document of this id already. */
export type NotMade = Pick<UndoEntry, 'collection' | 'id'>

export function notMadeLines(collection: string, ids: readonly string[]): string {
  const start = `{"in":${JSON.stringify(collection)},"id":`
  return ids.map(id => `${start}${JSON.stringify(id)}${notMadeEnd}\n`).join('')
}

const notMadeEnd = ',"made":false}'

/**
 * What `entryLine` gives for documents that a run made, one after the other.
 *
 * @param after of each, by the index of its id
 */
export function createdLines(collection: string, ids: readonly string[], after: readonly Mark[]): string {
  const start = `{"in":${JSON.stringify(collection)},"id":`
  // Joined at once: a string that grows is one object more for each piece.
  const pieces: string[] = []
  for (let at = 0; at < ids.length; at++) {
    const { values, kinds } = after[at]!
    const end = kinds === undefined ? '"}\n' : `","afterKinds":"${kinds}"}\n`
    pieces.push(start, JSON.stringify(ids[at]!), ',"after":"', values, end)
  }
  return pieces.join('')
}

/** A document that came packed: its digest has none of kinds beside it. */
export interface PackedMade {
  readonly encoded: { readonly id: string }
  readonly packed: Pick<Packed, 'digests'>
  /** Which of the packed ones it is. */
  readonly at: number
}

/**
 * The bytes of what `createdLines` gives.
 *
 * @param place with room for `createdRoom` bytes
 */
export function createdBytes(collection: string, made: readonly PackedMade[], kinds: boolean, place: Buffer): Buffer {
  const { start, end } = framesOf(collection, kinds)
  let to = 0
  for (const { encoded, packed, at } of made) {
    place.set(start, to)
    to += start.length
    to += place.write(JSON.stringify(encoded.id), to)
    place.set(after, to)
    to = writeMark(packed.digests, at, place, to + after.length)
    place.set(end, to)
    to += end.length
  }
  return place.subarray(0, to)
}

/** Bytes that `createdBytes` takes at most. */
export function createdRoom(collection: string, made: readonly PackedMade[], kinds: boolean): number {
  const { start, end } = framesOf(collection, kinds)
  const each = start.length + after.length + markLength + end.length + '""'.length
  return made.reduce((sum, { encoded }) => sum + each + mostBytesOfUnit * encoded.id.length, 0)
}

/** In JSON: `\u0000`. */
const mostBytesOfUnit = 6
const after = Buffer.from(',"after":"')

function framesOf(collection: string, kinds: boolean): { readonly start: Buffer; readonly end: Buffer } {
  return {
    start: Buffer.from(`{"in":${JSON.stringify(collection)},"id":`),
    end: Buffer.from(kinds ? '","afterKinds":""}\n' : '"}\n')
  }
}

/** @throws {DocferryError} DOCFERRY_BAD_VALUE, DOCFERRY_TOO_DEEP for a replaced document that no text can hold */
export function entryLine(collection: string, id: string, after: Mark, before?: Before): string {
  const start = `{"in":${JSON.stringify(collection)},"id":${JSON.stringify(id)},${markText('after', after)}`
  return before ? `${start},${markText('was', before.mark)},"before":${stringifyJson(before.document)}}\n` : `${start}}\n`
}

function markText(name: 'after' | 'was', { values, kinds }: Mark): string {
  return `"${name}":"${values}"${kinds === undefined ? '' : `,"${name}Kinds":"${kinds}"`}`
}

const string = String.raw`("(?:[^"\\]|\\.)*")`
const mark = (name: 'after' | 'was'): string => String.raw`"${name}":"([\w-]{22})"(?:,"${name}Kinds":"([\w-]{22}|)")?`
/** Kinds are missing where the target keeps none, and in what an older docferry has kept. */
const form = new RegExp(String.raw`^\{"in":${string},"id":${string},${mark('after')}(?:,${mark('was')},"before":(\{.*\}))?\}$`, 's')

/** @returns undefined for what is no entry, or was changed. What a replaced document holds is checked by its digest. */
export function parseEntry(line: string): UndoEntry | undefined {
  const match = form.exec(line)
  if (!match) return undefined
  const [, collection, id, values, kinds, wasValues, wasKinds, text] = match
  try {
    const entry = { collection: JSON.parse(collection!) as string, id: JSON.parse(id!) as string, after: markFrom(values!, kinds) }
    if (text === undefined || wasValues === undefined) return entry
    const document = parseJson(text) as Document
    const was = markFrom(wasValues, wasKinds)
    return isSameMark(markOf(document, { kinds: wasKinds !== undefined }), was) ? { ...entry, before: { document, mark: was } } : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

const notMadeForm = new RegExp(String.raw`^\{"in":${string},"id":${string}${notMadeEnd}$`, 's')

/** @returns undefined for any other line */
export function parseNotMade(line: string): NotMade | undefined {
  const match = line.endsWith(notMadeEnd) ? notMadeForm.exec(line) : null
  if (!match) return undefined
  try {
    return { collection: JSON.parse(match[1]!) as string, id: JSON.parse(match[2]!) as string }
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function markFrom(values: string, kinds: string | undefined): Mark {
  return kinds === undefined ? { values } : { values, kinds }
}
