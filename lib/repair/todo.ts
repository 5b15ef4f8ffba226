/** From the list of differences to what has to be done. */
import { createReadStream } from 'node:fs'
import { LineSplitter } from '../formats/lines.ts'
import { shortenId } from '../report.ts'
import type { Difference, VerifyReport } from '../verify/report.ts'
import { IdSet } from './id-set.ts'
import { mostFirst } from './report.ts'
import type { RepairCollection } from './report.ts'
import { parseText } from '../values/index.ts'

/** A line of the list; of a collection that is missing as a whole, there is one with the number of its documents. */
type Listed = Difference & { readonly documents?: number }

export interface Todo {
  readonly collections: RepairCollection[]
  /** What is to be written, by the collection's name in the target, and those of it that the target holds others of; their owner closes them. */
  readonly wrong: IdSet
  readonly different: IdSet
  /** The source holds what is no document, or none that could be compared. */
  readonly sourceIsBroken: boolean
  /** Collections by their names in the target whose documents go on changing there, and not in the source. */
  readonly targetChanges: ReadonlySet<string>
}

/** @param isLeftAlone by a collection's name in the target: whether what differs there is left */
export async function todoOf(
  { collections, differences }: Readonly<VerifyReport>,
  isLeftAlone: (collection: string) => boolean
): Promise<Todo> {
  const found = new Map(collections.map(each => [each.target, emptyCollection(each)]))
  const wrong = new IdSet()
  const different = new IdSet()
  let sourceIsBroken = false
  const changing = { target: new Set<string>(), source: new Set<string>() }
  for await (const { collection, id = '', kind, reason, side, documents } of listed(differences)) {
    const todo = found.get(collection)
    if (!todo) continue
    if (kind === 'unreadable') {
      todo.unreadable++
      sourceIsBroken ||= side === 'source'
    } else if (kind === 'missing' && documents !== undefined) todo.write += documents
    else if (kind === 'missing' && reason !== undefined) todo.refused++
    else if (kind === 'missing') {
      todo.write++
      wrong.add(collection, id)
      addFirst(todo.first.write, id)
    } else if (kind === 'different' && isLeftAlone(collection)) todo.leftAlone++
    else if (kind === 'different') {
      todo.replace++
      wrong.add(collection, id)
      different.add(collection, id)
      addFirst(todo.first.replace, id)
    } else if (kind === 'extra') {
      todo.remove++
      addFirst(todo.first.remove, id)
    } else if (kind === 'changing') {
      todo.changing++
      changing[side === 'target' ? 'target' : 'source'].add(collection)
    }
  }
  wrong.seal()
  different.seal()
  const targetChanges = new Set([...changing.target].filter(name => !changing.source.has(name)))
  return { collections: [...found.values()].filter(isTouched), wrong, different, sourceIsBroken, targetChanges }
}

/** Ids of the documents that only the target holds, with the collection's name there. */
export async function* extras({ differences }: Readonly<VerifyReport>): AsyncGenerator<{ collection: string; id: string }> {
  for await (const { collection, id, kind } of listed(differences)) if (kind === 'extra' && id !== undefined) yield { collection, id }
}

async function* listed(path: string | undefined): AsyncGenerator<Listed> {
  if (path === undefined) return
  const splitter = new LineSplitter()
  for await (const chunk of createReadStream(path))
    for (const { bytes } of splitter.push(chunk as Buffer)) yield parseText(bytes.toString()) as Listed
}

function emptyCollection({ source, target, isMissing }: VerifyReport['collections'][number]): RepairCollection {
  const counts = { write: 0, replace: 0, leftAlone: 0, remove: 0, refused: 0, changing: 0, unreadable: 0 }
  return { source, target, isMissing, ...counts, first: { write: [], replace: [], remove: [] } }
}

function isTouched({ write, replace, leftAlone, remove, refused, changing, unreadable }: RepairCollection): boolean {
  return write + replace + leftAlone + remove + refused + changing + unreadable > 0
}

function addFirst(ids: string[], id: string): void {
  if (ids.length < mostFirst) ids.push(shortenId(id))
}
