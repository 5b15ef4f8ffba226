/** Reads JSON: Gofannon's export `{"metadata":{...},"data":{"agents":[...]}}`, the same without metadata, and a plain list of documents. */
import { DocferryError } from '../errors.ts'
import type { Page } from '../types.ts'
import { JsonElements } from './json-elements.ts'
import type { JsonEntry } from './json-documents.ts'
import { JsonText } from './json-text.ts'
import { shorterThanBefore } from './ndjson.ts'
import { isForgotten, isWanted, PageBuilder } from './page-builder.ts'
import type { ReadOptions } from './page-builder.ts'

/** Place in a file, as JSON. */
interface Place {
  /** Documents and rejects before it, over all collections of the file. */
  readonly entries: number
}

/**
 * @param chunks the decompressed bytes
 * @throws {DocferryError} DOCFERRY_FILE_CUT, DOCFERRY_DECODE with the place, behind all documents before it; and what `chunks` throws
 */
export async function* readJson(chunks: AsyncIterable<Buffer>, options: ReadOptions): AsyncGenerator<Page> {
  const { after, wanted, collection, name } = options
  const skip = after === undefined ? 0 : (JSON.parse(after) as Place).entries
  const pages = new PageBuilder(options)
  const forgotten = new Set<string>()
  const text = new JsonText(name, {
    skip,
    collection,
    isWanted: each => isWanted(wanted, each),
    onSection: each => {
      options.onSection?.(each)
      if (isForgotten(options, each)) forgotten.add(each)
    }
  })
  const elements = new JsonElements(text, options.packing?.worker ? undefined : options.packing)
  let section: string | undefined
  let entries = skip
  let ending: unknown
  let ended = false
  const flush = (): Page => pages.take(section as string, JSON.stringify({ entries } satisfies Place))
  const iterator = chunks[Symbol.asyncIterator]()
  try {
    while (!ended && ending === undefined) {
      let bytes = 0
      try {
        const chunk = await nextOf(iterator, elements)
        ended = chunk === undefined
        if (chunk) elements.push(chunk)
        else elements.end()
        bytes = chunk?.length ?? 0
      } catch (error) {
        ending = error
      }
      const found = text.take()
      const count = found.reduce((sum, entry) => sum + countOf(entry), 0)
      for (const entry of found) {
        if (section !== entry.collection && !pages.isEmpty) yield flush()
        section = entry.collection
        const share = (bytes / count) * countOf(entry)
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
    await iterator.return?.()
  }
  if (forgotten.size > 0) {
    const names = [...forgotten].map(each => JSON.stringify(each)).join(', ')
    throw new DocferryError(
      'DOCFERRY_DECODE',
      `${name} also holds ${names}, which its metadata does not list: name all the collections to take`
    )
  }
}

/** @throws what the input failed with, behind all that is whole */
async function nextOf(iterator: AsyncIterator<Buffer>, elements: JsonElements): Promise<Buffer | undefined> {
  try {
    const { value, done } = await iterator.next()
    return done ? undefined : value
  } catch (error) {
    elements.settle()
    throw error
  }
}

function countOf(entry: JsonEntry): number {
  return 'packed' in entry ? entry.packed.count : 1
}
