/** Whether a backup of the source is known: an export that docferry has made, or one of the service's own. */
import type { Backup } from '../contracts/backup.ts'
import { listRuns } from '../checkpoint/run-folder.ts'
import type { RunInfo } from '../checkpoint/run-folder.ts'
import { exists } from '../engine/atomic-file.ts'
import { pathOfIdentity } from '../engine/real-path.ts'
import { describeError, DocferryError } from '../errors.ts'
import { openBackups } from '../open.ts'
import type { PlannedOptions } from '../plan/plan.ts'
import type { Location } from '../types.ts'
import { openReceipt } from '../verify/open-receipt.ts'
import { verify } from '../verify/verify.ts'
import { listed } from './checklist.ts'
import type { Checklist, Found } from './checklist.ts'
import { dayMs } from './options.ts'
import type { CheckOptions } from './options.ts'
import { plural } from '../values/format-count.ts'

/** The newest are looked at. */
const mostExports = 5

const what = 'a recent backup of the source is known'

/** One that was found, whoever made it. */
interface Known {
  /** Epoch milliseconds: as of when its documents are. */
  readonly at: number
  readonly text: string
  /** Collections that it does not hold, and what else is not in it. */
  readonly lacks: readonly string[]
  /** Why it is of no use after all. */
  readonly trouble?: string
}

/** What the source is known to hold beside plain documents, by the names of the collections. */
export interface Besides {
  readonly attachments?: readonly string[]
  readonly designDocuments?: readonly string[]
}

/** @param names of the collections that are moved; undefined where only reading tells */
export async function checkBackup(
  names: readonly string[] | undefined,
  options: CheckOptions,
  list: Checklist,
  besides: Besides = {}
): Promise<void> {
  const { source } = list.report
  if (!source) return
  if (source.provider === 'file' || source.provider === 'memory')
    return list.skip('backup.recent', what, 'the source is a file: a copy of it is one')
  await list.check('backup.recent', what, async () => {
    const [exported, service] = [await exportsOf(source.identity, { names, besides }, options), await serviceBackups(names, options)]
    return verdict(
      [...exported, ...service.known].sort((a, b) => b.at - a.at),
      service.unknown,
      options
    )
  })
}

function verdict(known: readonly Known[], unknown: string | undefined, { backupAgeMs = dayMs }: CheckOptions): Found {
  const isRecent = ({ at }: Known): boolean => Date.now() - at <= backupAgeMs
  const fits = known.find(each => isRecent(each) && each.lacks.length === 0 && each.trouble === undefined)
  if (fits) return { detail: `${fits.text}, ${age(fits.at)} old` }
  const [newest] = known
  const advice =
    "make one: docferry export, or the database's own (docferry guide prints the commands); --backup-age says how old it may be"
  const asked = unknown === undefined ? '' : `; the service's own can't be asked for: ${unknown}`
  if (!newest) return { result: 'warning', detail: `none of this place in the state folder${asked}`, advice }
  const why = newest.trouble ?? (newest.lacks.length > 0 ? `without ${listed(newest.lacks)}` : 'too old')
  return { result: 'warning', detail: `the newest is ${newest.text}, ${age(newest.at)} old: ${why}${asked}`, advice }
}

/** What a backup has to hold. */
interface Needed {
  readonly names: readonly string[] | undefined
  readonly besides: Besides
}

/** docferry's own runs from this place into a file. */
async function exportsOf(identity: string, needed: Needed, options: CheckOptions): Promise<Known[]> {
  const runs = (await listRuns(options.stateDir ?? '.docferry')).filter(({ record, end }) => {
    const asked = record?.asked as PlannedOptions | undefined
    return (
      asked?.source.identity === identity &&
      asked.target.provider === 'file' &&
      !record?.piped &&
      pathOfIdentity(asked.target.identity) !== undefined &&
      (end?.state === 'done' || end?.state === 'partial')
    )
  })
  return await Promise.all(runs.slice(0, mostExports).map(run => exportOf(run, needed, options)))
}

async function exportOf(run: RunInfo, { names, besides }: Needed, options: CheckOptions): Promise<Known> {
  const { collections, target, attachments, includeDesign, includeSecurity } = run.record!.asked as PlannedOptions
  const held = collections.map(([name]) => name)
  const { attachments: attached = [], designDocuments: designed = [] } = besides
  const beside = [
    ...(attached.length > 0 && !attachments ? [`the attachments of ${listed(attached)} (--attachments)`] : []),
    ...(designed.length > 0 && !includeDesign ? [`the design documents of ${listed(designed)} (--include-design)`] : []),
    ...(options.includeSecurity && !includeSecurity ? ['_security (--include-security)'] : [])
  ]
  const trouble = await troubleOf(run, options)
  return {
    // What was written meanwhile may be in it or not.
    at: Date.parse(run.record!.startedAt),
    text: `the export ${pathOf(target)} (run ${run.runId})${options.full && !trouble ? ', compared with its receipt just now' : ''}`,
    lacks: [...(names?.filter(name => held.length > 0 && !held.includes(name)) ?? []), ...beside],
    ...(trouble !== undefined && { trouble })
  }
}

/** Why an export is of no use as a backup. */
async function troubleOf({ runId, record, end }: RunInfo, options: CheckOptions): Promise<string | undefined> {
  const { stages, target } = record!.asked as PlannedOptions
  const path = pathOf(target)
  if (end?.state === 'partial') return 'not all documents could be written to it'
  if (stages.length > 0) return `its documents went through ${listed(stages)}`
  const isThere = await exists(path).catch(describeError)
  if (isThere !== true) return isThere === false ? 'it is not there any more' : `it can't be looked at: ${isThere}`
  const { full, stateDir, environment, signal, logger } = options
  try {
    if (full) {
      const { state } = await verify({ run: runId, stateDir, environment, signal, logger })
      return state === 'equal' ? undefined : 'it does not hold any more what was written to it'
    }
    // The end of an export says whether it is whole; a plain list in JSON has none of the kind.
    if (!/\.json(?:\.gz)?$/i.test(path)) await openReceipt(path)
    return undefined
  } catch (error) {
    signal?.throwIfAborted()
    if (!(error instanceof DocferryError)) throw error
    return error.message
  }
}

function pathOf({ identity, address }: Location): string {
  return pathOfIdentity(identity) ?? address
}

/** @returns what there is, and why it can't be said where the service does not tell */
async function serviceBackups(
  names: readonly string[] | undefined,
  { source, environment, signal, logger }: CheckOptions
): Promise<{ readonly known: readonly Known[]; readonly unknown?: string }> {
  try {
    const service = await openBackups(source!, { environment, signal, logger })
    try {
      const backups = await service.list(names ? { collections: names } : {}, { signal })
      const continuous = (await service.pointInTime?.(names, undefined, { signal })) ?? []
      return { known: together([...backups, ...continuous], names) }
    } finally {
      await service.close()
    }
  } catch (error) {
    signal?.throwIfAborted()
    if (!(error instanceof DocferryError)) throw error
    // A provider that has none.
    if (error.code === 'DOCFERRY_USAGE') return { known: [] }
    return { known: [], unknown: error.message }
  }
}

/** Services that keep a backup for each collection: the newest of each, and as old as the oldest of these. */
function together(backups: readonly Backup[], names: readonly string[] | undefined): Known[] {
  const usable = backups.filter(
    ({ kind, state }) => state === 'available' && (kind === 'backup' || kind === 'export' || kind === 'point-in-time')
  )
  if (usable.length === 0) return []
  const timeOf = ({ restorable, snapshotAt, startedAt, finishedAt }: Backup): number =>
    (restorable?.until ?? snapshotAt ?? startedAt ?? finishedAt)?.getTime() ?? 0
  const newest = (name: string): Backup | undefined =>
    usable.filter(({ collections = [] }) => collections.length === 0 || collections.includes(name)).sort((a, b) => timeOf(b) - timeOf(a))[0]
  const wanted = names ?? [...new Set(usable.flatMap(({ collections = [] }) => collections))]
  const found = wanted.flatMap(name => newest(name) ?? [])
  if (found.length === 0 && wanted.length > 0) return []
  const all = found.length > 0 ? found : usable.slice(0, 1)
  const kinds = [...new Set(all.map(({ kind }) => (kind === 'point-in-time' ? 'point-in-time recovery' : kind)))]
  return [
    { at: Math.min(...all.map(timeOf)), text: `the service's own ${kinds.join(' and ')}`, lacks: wanted.filter(name => !newest(name)) }
  ]
}

export function age(at: number): string {
  const minutes = Math.max(0, Date.now() - at) / 60_000
  if (minutes < 90) return plural(Math.round(minutes), 'minute')
  return minutes < 48 * 60 ? plural(Math.round(minutes / 60), 'hour') : plural(Math.round(minutes / 1440), 'day')
}
