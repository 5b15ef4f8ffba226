/** One line of an undo journal: a document that a run wrote, and what it replaced. */
import { isSameMark, markOf, parseJson, stringifyJson } from '../values/index.ts'
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

function markFrom(values: string, kinds: string | undefined): Mark {
  return kinds === undefined ? { values } : { values, kinds }
}
