/** What a run moves: its collections, checked against both ends, and the partitions that they are read in. */
import type { RunJournal } from './checkpoint/retry-journal.ts'
import { DocferryError } from './errors.ts'
import type { Ledger } from './ledger.ts'
import type { CheckedOptions } from './open-run.ts'
import { chooseCollections, noSuchCollection } from './plan/choose-collections.ts'
import type { ChosenCollection } from './plan/choose-collections.ts'
import { checkPlan, checkRecord } from './plan/plan.ts'
import { checkProofs } from './plan/same-place.ts'
import type { RunReport } from './report.ts'
import type { Partition, Source, Target } from './types.ts'

export interface ChooseOptions {
  readonly source: Source
  readonly target: Target
  readonly options: CheckedOptions
  readonly ledger: Ledger
  readonly journal: RunJournal
  /** Partitions wanted. */
  readonly parallel: number
}

export interface Chosen {
  /** `null` where only reading tells which collections there are. */
  readonly collections: readonly ChosenCollection[] | null
  readonly partitions: readonly Partition[]
}

/** Choose what is moved, and check it against the run that goes on and against the plan. Nothing is changed yet. */
export async function chooseWhat({ source, target, options, ledger, journal, parallel }: ChooseOptions): Promise<Chosen> {
  const { signal, collections, observe } = options
  const { report } = ledger
  if (options.keepMetadata && target.location.provider === 'couchdb') {
    throw new DocferryError(
      'DOCFERRY_CONFIG',
      'CouchDB keeps fields such as _rev for itself and makes them anew: leave --keep-metadata away'
    )
  }
  if (options.attachments) checkAttachments(source, target)
  if (options.includeDesign) checkDesign(target, options)
  const ends = { source, target }
  const { record } = journal
  // Another source is told as such, and not by the collections that it lacks.
  if (record) checkRecord(record, report, options, false)
  const choice = chooseCollections(await source.collections({ signal }), ends, options)
  await checkProofs(choice.collections, ends, options)
  target.checkTogether?.(choice.collections?.map(each => each.target) ?? [])
  if (options.preset) report.notTaken = [...choice.notTaken]
  if (choice.missing.length > 0) report.notes.push(`the source does not hold ${choice.missing.join(', ')}`)
  for (const collection of choice.collections ?? []) ledger.add(collection)
  const areKnown = choice.collections !== null
  if (options.plan) checkPlan(options.plan, report, options, areKnown)
  if (record) checkRecord(record, report, options, areKnown)
  observe?.(report)
  const names = choice.collections?.map(({ name }) => name) ?? collections ?? null
  // Cursors mean places in the partitions of the beginning.
  const partitions =
    record?.partitions ?? (await source.partitions(names, { wanted: parallel, designLast: options.includeDesign ?? false, signal }))
  return { collections: choice.collections, partitions }
}

/** @throws {DocferryError} DOCFERRY_CONFIG where each design document would be refused: Firestore takes no slash in an id */
function checkDesign({ location: { provider } }: Target, { onIncompatible, logger }: CheckedOptions): void {
  if (provider !== 'firestore' && provider !== 'dynamodb') return
  if (provider === 'firestore' && onIncompatible !== 'escape')
    throw new DocferryError(
      'DOCFERRY_CONFIG',
      'Firestore takes no design documents, for their ids have a slash: leave --include-design away, or keep them as plain documents under escaped ids (--on-incompatible escape)',
      { provider }
    )
  logger?.warn(
    { provider },
    `design documents become plain documents in ${provider}, which runs no code of theirs: no views, no validation, no indexes`
  )
}

/** @throws {DocferryError} DOCFERRY_CONFIG for a target that can't hold attachments */
function checkAttachments(source: Source, { location, holdsAttachments = false }: Target): void {
  if (holdsAttachments) return
  const { provider, address } = location
  const what = provider === 'file' ? address : provider
  const message = `${what} can't hold attachments: leave --attachments away (docferry then says how many are not moved)`
  const advice =
    provider === 'file'
      ? ', or name a file or a folder'
      : source.location.provider === 'couchdb'
        ? ', or keep them in an export beside it: docferry export --attachments'
        : ''
  throw new DocferryError('DOCFERRY_CONFIG', message + advice, { provider })
}

/** Partitions that may be moved at the same time. */
export function groupsOf(target: Target, source: Source, partitions: readonly Partition[]): Iterable<readonly Partition[]> {
  // Runs that read together have to go the same way, or they would wait for each other.
  const isByCollection = target.limits.oneCollectionAtATime || source.waitsForOthers || false
  const groups = new Map<string, Partition[]>()
  const rank = new Map<string, number>()
  for (const partition of partitions) {
    const collections = JSON.stringify(isByCollection ? partition.collections : [])
    if (!rank.has(collections)) rank.set(collections, rank.size)
    const key = JSON.stringify([rank.get(collections), partition.turn ?? 0])
    const group = groups.get(key)
    if (group) group.push(partition)
    else groups.set(key, [partition])
  }
  const order = (key: string): [number, number] => JSON.parse(key) as [number, number]
  return [...groups].sort(([a], [b]) => order(a)[0] - order(b)[0] || order(a)[1] - order(b)[1]).map(([, group]) => group)
}

/** Where only reading tells which collections there are. @throws {DocferryError} DOCFERRY_NO_SUCH_COLLECTION where one that was named did not come */
export function checkAllCame(source: Source, { collections }: Readonly<RunReport>, wanted: readonly string[] = []): void {
  const came = collections.map(({ source }) => ({ name: source }))
  const missing = wanted.filter(name => !came.some(info => info.name === name))
  if (missing.length > 0) throw noSuchCollection(missing, came, source)
}
