/** Reads JSON: Gofannon's export `{"metadata":{...},"data":{"agents":[...]}}`, the same without metadata, and a plain list of documents. */
import { DocferryError } from '../errors.ts'
import type { Page } from '../types.ts'
import { JsonElements } from './json-elements.ts'
import type { JsonEntry } from './json-documents.ts'
import { JsonText } from './json-text.ts'
import { shorterThanBefore } from './ndjson.ts'
import { packedJson, plainJson } from './packing-elements.ts'
import type { JsonPiece } from './packing-elements.ts'
import { isForgotten, isWanted, PageBuilder } from './page-builder.ts'
import type { ReadOptions } from './page-builder.ts'

/** Place in a file, as JSON. */
interface Place {
  /** Documents and rejects before it, over all collections of the file. */
  readonly entries: number
}

/**
 * @param chunks the decompressed bytes; each may be used again once the next is asked for or, where there is a packer, once it was given back to it
 * @throws {DocferryError} DOCFERRY_FILE_CUT, DOCFERRY_DECODE with the place, behind all documents before it; and what `chunks` throws
 */
export async function* readJson(chunks: AsyncIterable<Buffer>, options: ReadOptions): AsyncGenerator<Page> {
  const { after, wanted, collection, name } = options
  const skip = after === undefined ? 0 : (JSON.parse(after) as Place).entries
  const pages = new PageBuilder(options)
  const forgotten = new Set<string>()
  const missing = new Set(options.listed?.filter(each => isWanted(wanted, each)))
  const text = new JsonText(name, {
    skip,
    collection,
    isWanted: each => isWanted(wanted, each),
    onSection: each => {
      options.onSection?.(each)
      missing.delete(each)
      if (isForgotten(options, each)) forgotten.add(each)
    }
  })
  const packing = options.packing?.worker ? undefined : options.packing
  const elements = new JsonElements(text, packing)
  const pieces = packing?.packer ? packedJson(chunks, packing.packer, () => elements.separator) : plainJson(chunks)
  let section: string | undefined
  let entries = skip
  let ending: unknown
  let ended = false
  const flush = (): Page => pages.take(section as string, JSON.stringify({ entries } satisfies Place))
  try {
    while (!ended && ending === undefined) {
      let bytes = 0
      try {
        const piece = await nextOf(pieces, elements)
        ended = piece === undefined
        if (piece) elements.push(piece.bytes, piece.runs)
        else elements.end()
        bytes = piece?.bytes.length ?? 0
      } catch (error) {
        ending = error
      }
      const found = text.take()
      const count = found.reduce((sum, entry) => sum + countOf(entry), 0)
      let shared = 0
      let seen = 0
      for (const entry of found) {
        if (section !== entry.collection && !pages.isEmpty) yield flush()
        section = entry.collection
        seen += countOf(entry)
        // Whole bytes, all of them.
        const share = Math.round((bytes * seen) / count) - shared
        shared += share
        if ('packed' in entry) {
          if (!pages.takesPacked) yield flush()
          pages.addPacked(entry.packed, share)
        } else pages.add(entry, share)
        entries = entry.entries
        if (pages.isFull) yield flush()
      }
      if (found.length === 0) pages.addBytes(bytes)
    }
    if (!pages.isEmpty) yield flush()
    if (ending !== undefined) throw ending
    if (text.documents.entries < skip) throw shorterThanBefore(name)
  } finally {
    await pieces.return()
  }
  if (forgotten.size > 0)
    throw new DocferryError(
      'DOCFERRY_DECODE',
      `${name} also holds ${quoted(forgotten)}, which its metadata does not list: add what it holds to "collections" there, or take "metadata" out, and all is taken`,
      { spoilsRun: true }
    )
  if (missing.size > 0)
    throw new DocferryError(
      'DOCFERRY_DECODE',
      `${name} does not hold ${quoted(missing)}, which its metadata lists: get the whole export again, or name what it does hold with --collections`,
      { spoilsRun: true }
    )
}

function quoted(names: ReadonlySet<string>): string {
  return [...names].map(each => JSON.stringify(each)).join(', ')
}

/** @throws what the input failed with, behind all that is whole */
async function nextOf(pieces: AsyncGenerator<JsonPiece, void>, elements: JsonElements): Promise<JsonPiece | undefined> {
  try {
    const { value } = await pieces.next()
    return value ?? undefined
  } catch (error) {
    elements.settle()
    throw error
  }
}

function countOf(entry: JsonEntry): number {
  return 'packed' in entry ? entry.packed.count : 1
}
