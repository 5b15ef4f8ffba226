/** The collections on both sides: what there is, what can be read, what the target holds already, and what changes in between. */
import { now } from '../clock.ts'
import { DocferryError } from '../errors.ts'
import { inspectEnd, openSource } from '../open.ts'
import { chooseCollections } from '../plan/choose-collections.ts'
import type { ChosenCollection } from '../plan/choose-collections.ts'
import { checkProofs } from '../plan/same-place.ts'
import type { CollectionInfo, Source } from '../types.ts'
import { documentDigest } from '../values/index.ts'
import { listed } from './checklist.ts'
import type { Checklist } from './checklist.ts'
import type { BothEnds } from './ends.ts'
import type { CheckOptions } from './options.ts'
import { formatCount } from '../values/format-count.ts'

/** Documents of each collection that are read twice. */
const firstDocuments = 100

/** @returns `null` where only reading tells which there are; undefined where nothing can be chosen */
export async function chooseForCheck(
  options: CheckOptions,
  list: Checklist,
  ends: BothEnds
): Promise<readonly ChosenCollection[] | null | undefined> {
  const { source, target } = ends
  return await list.look('collections.named', 'the collections are there, and the target takes their names', async () => {
    const held = await source.collections({ signal: options.signal })
    const { collections, notTaken, missing } = chooseCollections(held, { source, target }, options)
    await checkProofs(collections, { source, target }, options)
    if (collections === null) return [{ detail: 'only reading tells which there are' }, null]
    list.report.collections = collections.map(({ name, target: to, documents }) => ({
      source: name,
      target: to,
      ...(documents !== undefined && { sourceDocuments: documents })
    }))
    if (missing.length > 0) list.note([`the source does not hold ${listed(missing)}`])
    if (notTaken.length > 0) list.note([`not taken: ${listed(notTaken, 20)}`])
    if (collections.length === 0)
      return [
        { result: 'failed', code: 'DOCFERRY_NO_SUCH_COLLECTION', detail: 'the source holds no collections: is it the right place?' },
        collections
      ]
    const left = notTaken.length > 0 ? `; ${formatCount(notTaken.length)} others are left out` : ''
    return [{ detail: `${collections.length}: ${listed(collections.map(({ name }) => name))}${left}` }, collections]
  })
}

export interface FirstLook {
  readonly at: number
  readonly collections: ReadonlyMap<string, { readonly documents?: number; readonly digests: ReadonlyMap<string, string> }>
}

/** Read the first documents of each collection: whoever may not read one learns it here. */
export async function readFirst(
  source: Source,
  chosen: readonly ChosenCollection[],
  list: Checklist,
  { signal }: CheckOptions
): Promise<FirstLook | undefined> {
  return await list.look('source.reads', 'every collection can be read', async () => {
    const collections = new Map<string, { documents?: number; digests: Map<string, string> }>()
    const troubles: DocferryError[] = []
    for (const { name, documents } of chosen) {
      try {
        collections.set(name, { ...(documents !== undefined && { documents }), digests: await digestsOf(source, name, signal) })
      } catch (error) {
        signal?.throwIfAborted()
        if (!(error instanceof DocferryError)) throw error
        troubles.push(error)
      }
    }
    const look = { at: now(), collections }
    if (troubles.length === 0) return [{ detail: `${formatCount(chosen.length)} of ${formatCount(chosen.length)}` }, look]
    const detail = listed(
      troubles.map(({ message }) => message),
      3,
      '; '
    )
    return [{ result: 'failed', code: troubles[0]!.code, detail }, look]
  })
}

async function digestsOf(source: Source, name: string, signal: AbortSignal | undefined): Promise<Map<string, string>> {
  const digests = new Map<string, string>()
  const [partition] = await source.partitions([name], { wanted: 1, signal })
  if (!partition) return digests
  for await (const { documents, collection } of source.read(partition, { signal, pageSize: firstDocuments })) {
    if (collection !== name) continue
    for (const document of documents.slice(0, firstDocuments)) digests.set(document._id, digestOf(document))
    break
  }
  return digests
}

function digestOf(document: Parameters<typeof documentDigest>[0]): string {
  try {
    return Buffer.from(documentDigest(document)).toString('base64')
  } catch (error) {
    // What no target could hold either, the plan tells.
    if (error instanceof DocferryError) return error.code
    throw error
  }
}

/** @returns names of the collections in which anything is another than at the first look, with what shows it */
export async function changesBetween(
  first: FirstLook,
  marks: Readonly<Record<string, string>>,
  source: Source,
  chosen: readonly ChosenCollection[],
  options: CheckOptions
): Promise<string[]> {
  const { signal, environment, logger } = options
  const names = chosen.map(({ name }) => name)
  const hasMarks = Object.keys(marks).length > 0
  const asked = { end: 'source', collections: names, signal } as const
  const later = hasMarks ? await inspectEnd(options.source!, asked, { environment, signal, logger }) : undefined
  const infos = await source.collections({ signal })
  const changed: string[] = []
  for (const name of names) {
    const before = first.collections.get(name)
    if (!before) continue
    const documents = infos?.find(info => info.name === name)?.documents
    const moved = marks[name] !== undefined && later?.marks?.[name] !== undefined && later.marks[name] !== marks[name]
    if (moved) changed.push(`${name} (its sequence of changes has moved)`)
    else if (before.documents !== undefined && documents !== undefined && documents !== before.documents)
      changed.push(`${name} (${formatCount(before.documents)} documents, then ${formatCount(documents)})`)
    else {
      const now = await digestsOf(source, name, signal)
      const others = [...now].filter(([id, digest]) => before.digests.get(id) !== digest).length
      const gone = [...before.digests.keys()].filter(id => !now.has(id)).length
      if (others + gone > 0) changed.push(`${name} (${Math.max(others, gone)} of its first documents)`)
    }
  }
  return changed
}

/** What the target holds already, and what that means for the run. */
export async function lookAtTarget(
  chosen: readonly ChosenCollection[] | null,
  options: CheckOptions,
  list: Checklist,
  { target }: BothEnds
): Promise<void> {
  const { onConflict = 'skip', undo, signal } = options
  const what = 'the target is empty'
  if (chosen === null) return list.skip('target.empty', what, 'only reading the source tells which collections it is about')
  await list.check('target.empty', what, async () => {
    const counts = await countsOf(options, target.location.provider)
    const full: string[] = []
    for (const collection of list.report.collections) {
      const { empty, created, documents } = await target.prepare(collection.target, { create: false, signal })
      const held = created || empty ? 0 : (counts.get(collection.target)?.documents ?? documents)
      if (held !== undefined) collection.targetDocuments = held
      if (!empty) full.push(`${collection.target}${held === undefined ? '' : ` (${formatCount(held)})`}`)
    }
    if (full.length === 0) return { detail: 'none of the collections holds a document' }
    const outcome = { skip: 'stay as they are', overwrite: 'are replaced', fail: 'become dead letters of the run' }[onConflict]
    const advice =
      onConflict === 'overwrite' && undo !== 'all'
        ? '--undoable keeps what is replaced, so that docferry undo can put it back'
        : 'docferry plan says how many; --on-conflict decides'
    return { result: 'warning', detail: `${listed(full)} hold documents: those of an id that the source has too ${outcome}`, advice }
  })
}

/** A place that is no database can be made by the run itself, and is not there before. */
export async function countsOf(
  { target, environment, signal, logger, subcollections }: CheckOptions,
  provider: string
): Promise<ReadonlyMap<string, CollectionInfo>> {
  if (provider === 'file' || provider === 'memory' || target === undefined) return new Map()
  const held = await openSource(target, { environment, signal, logger, subcollections })
  try {
    return new Map((await held.collections({ signal }))?.map(info => [info.name, info]))
  } catch (error) {
    // Who may not list what there is may still write to what is named.
    if (error instanceof DocferryError && error.code === 'DOCFERRY_PERMISSION') return new Map()
    throw error
  } finally {
    await held.close()
  }
}
