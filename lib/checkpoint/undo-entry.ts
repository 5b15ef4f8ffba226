/** One line of an undo journal: a document that a run wrote, and what it replaced. */
import { parseJson, shortDigest, stringifyJson } from '../values/index.ts'
import type { Document } from '../values/index.ts'

export interface UndoEntry {
  /** Its name in the target. */
  readonly collection: string
  readonly id: string
  /** `shortDigest` of the document that the run wrote, as the target gives it back. */
  readonly after: string
  /** What it replaced, with its `shortDigest`. Missing of a document that the run made. */
  readonly before?: Before
}

export interface Before {
  readonly document: Document
  readonly digest: string
}

/** @throws {DocferryError} DOCFERRY_BAD_VALUE, DOCFERRY_TOO_DEEP for a replaced document that no text can hold */
export function entryLine(collection: string, id: string, after: string, before?: Before): string {
  const start = `{"in":${JSON.stringify(collection)},"id":${JSON.stringify(id)},"after":"${after}"`
  return before ? `${start},"was":"${before.digest}","before":${stringifyJson(before.document)}}\n` : `${start}}\n`
}

const form = /^\{"in":("(?:[^"\\]|\\.)*"),"id":("(?:[^"\\]|\\.)*"),"after":"([\w-]{22})"(?:,"was":"([\w-]{22})","before":(\{.*\}))?\}$/s

/** @returns undefined for what is no entry, or was changed. What a replaced document holds is checked by its digest. */
export function parseEntry(line: string): UndoEntry | undefined {
  const match = form.exec(line)
  if (!match) return undefined
  const [, collection, id, after, digest, text] = match as unknown as [string, string, string, string, string?, string?]
  try {
    const entry = { collection: JSON.parse(collection) as string, id: JSON.parse(id) as string, after }
    if (text === undefined || digest === undefined) return entry
    const document = parseJson(text) as Document
    return shortDigest(document) === digest ? { ...entry, before: { document, digest } } : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
