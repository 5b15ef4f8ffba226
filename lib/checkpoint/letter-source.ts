/** The dead letters of a run as a source: their documents, and as rejects those that hold none. */
import { isDocument } from '../formats/document-line.ts'
import type { DeadLetter } from '../engine/dead-letter.ts'
import { DocferryError, errorTable } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { Document, Page, RejectDetails, Source } from '../types.ts'
import { parseJson } from '../values/index.ts'
import { readLetters } from './read-letters.ts'
import type { StoredLetter } from './read-letters.ts'

/** What stays known of a document until it has its outcome. */
export interface LetterOrigin {
  /** The letter, as it stands in the file: stages may change the document in place. */
  readonly text: string
  readonly at: DeadLetter['at']
  /** Of one that a stage failed on, where that is known: the index of the stage. */
  readonly stage?: number
  /** Whether it is among those that are left already: stages may make several documents of one. */
  kept: boolean
}

/** What a file of dead letters holds. */
export interface LetterSurvey {
  /** Letters by collection, in the order in which the collections come. */
  readonly collections: ReadonlyMap<string, number>
  readonly total: number
  /** Letters of what was no document when it was read. */
  readonly never: number
  /** Letters of documents that no text can hold, or that nothing can read again. */
  readonly withoutDocument: number
  /** Which tell that the source has deleted a document. */
  readonly deleted: number
  /** Letters of documents that have stages of the run still before them. */
  readonly beforeStages: number
}

/** Go through all letters once. @throws {DocferryError} DOCFERRY_STATE */
export async function surveyLetters(path: string): Promise<LetterSurvey> {
  const collections = new Map<string, number>()
  let [total, never, deleted, withoutDocument, beforeStages] = [0, 0, 0, 0, 0]
  for await (const { letter } of readLetters(path)) {
    total++
    collections.set(letter.collection, (collections.get(letter.collection) ?? 0) + 1)
    if (letter.code === 'DOCFERRY_DELETED') deleted++
    else if (letter.at === 'read') never++
    else if (!documentOf(letter)) withoutDocument++
    else if (letter.at === 'stage') beforeStages++
  }
  return { collections, total, never, deleted, withoutDocument, beforeStages }
}

export interface LetterSourceOptions {
  readonly path: string
  readonly survey: LetterSurvey
  /** Told where each document comes from. */
  readonly origins: WeakMap<Document, LetterOrigin>
  /** Called with each letter that holds no document, in the form that it has in the file. */
  readonly onReject: (text: string) => Promise<void>
}

const pageCount = 500
const pageBytes = 1 << 20

/** One partition a collection, so that batches are full however the letters lie; each reads the file from its beginning. */
export function letterSource({ path, survey, origins, onReject }: LetterSourceOptions): Source {
  return {
    location: { provider: 'file', address: path, identity: `dead letters ${path}` },
    // Of a source whose ids repeat, two letters may be of one id.
    uniqueIds: false,
    collections: () => Promise.resolve([...survey.collections].map(([name, documents]) => ({ name, documents }))),
    partitions: names =>
      Promise.resolve((names ?? [...survey.collections.keys()]).map(name => ({ id: `letters of ${name}`, collections: [name] }))),
    async *read(partition, { after, signal, pageSize = pageCount }): AsyncGenerator<Page> {
      const [collection = ''] = partition.collections
      let page = emptyPage(collection)
      for await (const stored of readLetters(path, { after, collection })) {
        signal?.throwIfAborted()
        await addTo(page, stored)
        if (page.documents.length + page.rejects.length < pageSize && page.bytes < pageBytes) continue
        yield page
        page = emptyPage(collection)
      }
      if (page.bytes > 0) yield page
    },
    close: () => Promise.resolve()
  }

  async function addTo(page: ReturnType<typeof emptyPage>, { letter, text, bytes, cursor }: StoredLetter): Promise<void> {
    page.bytes += bytes
    page.cursor = cursor
    const { at, stage } = letter
    const document = at === 'read' ? undefined : documentOf(letter)
    if (!document) {
      await onReject(text)
      page.rejects.push(rejectOf(letter))
      return
    }
    origins.set(document, { text, at, kept: false, ...(stage !== undefined && { stage }) })
    page.documents.push(document)
  }
}

/** Of one that is nested too deeply, its text: what is no JSON alone, as 1.0 is a number of its own, can't be read at that depth. */
function documentOf({ document, raw }: DeadLetter): Document | undefined {
  if (isDocument(document)) return document
  if (raw === undefined) return undefined
  try {
    const read = parseJson(raw)
    return isDocument(read) ? read : undefined
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof DocferryError) return undefined
    throw error
  }
}

function emptyPage(collection: string) {
  const documents: Document[] = []
  const rejects: RejectDetails[] = []
  return { collection, documents, rejects, cursor: '', bytes: 0 }
}

function rejectOf({ code, message, where = '', id }: DeadLetter): RejectDetails {
  const known = Object.hasOwn(errorTable, code) ? (code as ErrorCode) : 'DOCFERRY_BAD_DOCUMENT'
  return { code: known, message, where, ...(id !== undefined && { id }) }
}
