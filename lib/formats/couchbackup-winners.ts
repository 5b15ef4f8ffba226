/**
 * Which revision wins of the documents that stand in several batches of a backup by couchbackup: one that was resumed, or made of a database
 * that was changing. It takes a look at the whole file before it is read, and a second one where there are such documents.
 */
import { isUtf8 } from 'node:buffer'
import { SeenIds } from '../engine/seen-ids.ts'
import { DocferryError } from '../errors.ts'
import { LineSplitter } from './lines.ts'
import type { Line } from './lines.ts'
import { partsOf, winsOver } from './revisions.ts'
import { parseText } from '../values/index.ts'

/** Ids that are kept; each takes some 300 bytes. */
const mostIds = 250_000

/** Ancestors that are kept, over all ids, in 4 bytes each. */
const mostAncestors = 16 << 20

/** Where the winning revision of a document stands. */
export interface Winner {
  readonly line: number
  /** Index in the line's array. */
  readonly element: number
  readonly rev: string
}

export interface Winners {
  /** @returns undefined for a document that stands in one batch only */
  of(id: string): Winner | undefined
  /** Lines that were looked at. */
  readonly lines: number
  /** Whether there was more than could be kept: of some documents it is not known. */
  readonly isPartial: boolean
  /** Whether something was read in the lines up to `readTo`, by a look at fewer lines than this one, that loses to what stands behind those. */
  hasOverruled(looked: number, readTo: number): boolean
}

/** A revision that may be a leaf of its document's tree. */
interface Leaf extends Winner {
  readonly isDeleted: boolean
  readonly generation: number
  /** Codes of its ancestors' hashes, from its parent on. */
  readonly ancestors: Uint32Array
}

interface Document {
  readonly firstLine: number
  readonly leaves: readonly Leaf[]
}

interface Element {
  readonly _id: string
  readonly _rev: string
  readonly _deleted?: unknown
  readonly _revisions?: { readonly ids?: unknown }
}

/**
 * @param open gives the decompressed bytes, each time from their beginning. Where they break off, what stands before is looked at: whoever
 *   reads them says what is wrong
 */
export async function findWinners(open: () => AsyncIterable<Buffer>): Promise<Winners> {
  const { ids, lines, isPartial } = await findRepeated(open())
  const documents = new Map<string, Document>()
  if (ids.size > 0) await findLeaves(open(), ids, documents)
  const winners = new Map<string, Winner>()
  for (const [id, { leaves }] of documents)
    winners.set(
      id,
      leaves.reduce((best, leaf) => (winsOver(leaf, best) ? leaf : best))
    )
  return {
    of: id => winners.get(id),
    lines,
    isPartial,
    hasOverruled: (looked, readTo) => [...documents].some(([id, { firstLine }]) => firstLine <= readTo && winners.get(id)!.line > looked)
  }
}

async function findRepeated(chunks: AsyncIterable<Buffer>) {
  const seen = new SeenIds()
  const ids = new Set<string>()
  let lines = 0
  let isPartial = false
  for await (const { number, elements } of batches(chunks)) {
    lines = number
    // All leaves of a document stand in one batch together.
    for (const id of new Set(elements.map(([, { _id }]) => _id))) {
      if (!seen.add(id)) continue
      if (seen.isFull || (ids.size >= mostIds && !ids.has(id))) isPartial = true
      else ids.add(id)
    }
  }
  return { ids, lines, isPartial }
}

async function findLeaves(chunks: AsyncIterable<Buffer>, ids: ReadonlySet<string>, documents: Map<string, Document>): Promise<void> {
  let room = mostAncestors
  for await (const { number, elements } of batches(chunks)) {
    const groups = new Map<string, Leaf[]>()
    for (const [element, found] of elements) {
      if (!ids.has(found._id)) continue
      const leaf = leafOf(found, number, element, room)
      room -= leaf.ancestors.length
      groups.set(found._id, [...(groups.get(found._id) ?? []), leaf])
    }
    for (const [id, group] of groups) {
      const before = documents.get(id)
      documents.set(id, before ? { ...before, leaves: merged(before.leaves, group) } : { firstLine: number, leaves: group })
    }
  }
}

/** What is a leaf still when both are known; of one revision, the place where it stands first. */
function merged(before: readonly Leaf[], group: readonly Leaf[]): Leaf[] {
  return [
    ...before.filter(leaf => !group.some(other => descends(other, leaf))),
    ...group.filter(leaf => !before.some(other => other.rev === leaf.rev || descends(other, leaf)))
  ]
}

/** Ancestors that are not told any more (CouchDB keeps 1,000, and a shallow backup none) are taken for such. */
function descends({ generation, ancestors }: Leaf, ancestor: Leaf): boolean {
  const distance = generation - ancestor.generation
  if (distance <= 0) return false
  return distance > ancestors.length || ancestors[distance - 1] === codeOf(partsOf(ancestor.rev)[1])
}

function leafOf({ _rev: rev, _deleted, _revisions: revisions }: Element, line: number, element: number, room: number): Leaf {
  const told = Array.isArray(revisions?.ids) ? (revisions.ids as readonly unknown[]).slice(1) : []
  const ancestors = told.length <= room ? Uint32Array.from(told, each => codeOf(String(each))) : new Uint32Array()
  return { line, element, rev, isDeleted: _deleted === true, generation: partsOf(rev)[0], ancestors }
}

/** FNV-1a. */
function codeOf(hash: string): number {
  let code = 0x811c9dc5
  for (let i = 0; i < hash.length; i++) code = Math.imul(code ^ hash.charCodeAt(i), 0x01000193)
  return code >>> 0
}

interface Batch {
  readonly number: number
  readonly elements: readonly (readonly [index: number, element: Element])[]
}

/** What can be compared of each line; the places are those of `readCouchbackup`. */
async function* batches(chunks: AsyncIterable<Buffer>): AsyncGenerator<Batch> {
  const splitter = new LineSplitter()
  try {
    for await (const chunk of chunks) for (const line of splitter.push(chunk)) yield batchOf(line)
    const last = splitter.end()
    const batch = last && batchOf(last)
    // What is cut in its middle is none that was looked at.
    if (batch && batch.elements.length > 0) yield batch
  } catch (error) {
    if (!(error instanceof DocferryError)) throw error
  }
}

function batchOf(line: Line): Batch {
  const values = line.tooLong || !isUtf8(line.bytes) ? undefined : arrayOf(line.bytes.toString())
  return { number: line.number, elements: [...(values ?? []).entries()].filter(isRevision) }
}

/** The numbers that JSON.parse rounds are none of those that are looked at. */
function arrayOf(text: string): readonly unknown[] | undefined {
  try {
    const value: unknown = parseText(text)
    return Array.isArray(value) ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function isRevision(entry: [number, unknown]): entry is [number, Element] {
  const [, element] = entry
  if (typeof element !== 'object' || element === null) return false
  const { _id, _rev } = element as { readonly _id?: unknown; readonly _rev?: unknown }
  return typeof _id === 'string' && typeof _rev === 'string'
}
