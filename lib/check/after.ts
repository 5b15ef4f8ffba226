/** After a migration: whether all came over, what the target holds besides, and whether there is a way back. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand, stateDirOf } from '../checkpoint/run-command.ts'
import { receiptPath, whyNotGoneOnWith } from '../checkpoint/run-folder.ts'
import type { RunInfo } from '../checkpoint/run-folder.ts'
import { undoJournalName } from '../checkpoint/undo-journal.ts'
import { isSavedAtEnd } from '../report.ts'
import { DocferryError } from '../errors.ts'
import { inspectEnd, openSource } from '../open.ts'
import type { Endpoint } from '../open.ts'
import type { PlannedOptions } from '../plan/plan.ts'
import { endOfRun } from '../stages-of-run.ts'
import type { CollectionInfo } from '../types.ts'
import { undo } from '../undo/undo.ts'
import { leftOf } from '../undo/report.ts'
import { differencesOf, totalVerifyCounts } from '../verify/report.ts'
import type { VerifyReport } from '../verify/report.ts'
import { verify } from '../verify/verify.ts'
import { listed } from './checklist.ts'
import type { Checklist, Found } from './checklist.ts'
import type { CheckOptions } from './options.ts'
import { definedOf } from '../values/defined.ts'
import { formatCount } from '../values/format-count.ts'

export async function checkAfter(run: RunInfo | undefined, options: CheckOptions, list: Checklist): Promise<void> {
  const asked = run?.record?.asked as PlannedOptions | undefined
  if (asked) {
    list.report.source = asked.source
    list.report.target = asked.target
  }
  const isExport = asked?.target.provider === 'file'
  if (run)
    list.add('run.ended', isExport ? 'the run, an export into a file, has come to its end' : 'the run has come to its end', endFound(run))
  const isOver = !run || run.state === 'done' || run.state === 'partial'
  const what =
    options.sample !== undefined
      ? 'the sample is equal on both sides'
      : options.quick
        ? 'the numbers are equal'
        : isExport
          ? 'the file holds every document that was written to it'
          : 'every document came over'
  const verified = isOver ? await verifyNow(what, run, options, list) : undefined
  if (!isOver) list.skip('target.verified', what, 'not before the run has come to its end')
  if (run) await list.check('run.receipt', 'the run has a receipt', async () => await receiptFound(run, verified))
  if (isOver) await compareCounts(run, verified, options, list)
  if (run && asked) await list.check('run.undo', 'the run can be undone', async () => await undoFound(run, asked, options))
  list.person('people.source', 'the source is kept for a while, and its backup too')
  // Nothing runs on a file.
  if (isExport) return
  list.person('people.tests', "the application's own tests pass on the target")
  list.person(
    'people.configuration',
    'the configuration is switched, everywhere it stands, and the application restarted',
    'docferry guide names the variables'
  )
  list.person('people.performance', 'latencies, errors and costs are watched for some days')
}

function endFound(run: RunInfo): Found {
  const { runId, path, state, end, reached, undone } = run
  const command = (verb: 'retry' | 'undo' | 'resume'): string => runCommand(verb, runId, stateDirOf(path))
  const { written = 0, failed = 0, skipped = 0 } = end?.totals ?? reached ?? {}
  const counts = `${formatCount(written)} written${skipped > 0 ? `, ${formatCount(skipped)} there before` : ''}, ${formatCount(failed)} dead letters`
  const code = 'DOCFERRY_CHECK'
  if (state === 'done' && written + skipped === 0)
    return {
      result: 'warning',
      detail: 'it has moved no document',
      advice: 'docferry runs lists all runs: is it the right one, and the right source?'
    }
  if (state === 'done') return { detail: counts }
  if (state === 'partial')
    return {
      result: 'failed',
      code: 'DOCFERRY_DEAD_LETTERS',
      detail: counts,
      advice: `find the cause, mend it, and write them again: ${command('retry')}`
    }
  if (undone) return { result: 'failed', code, detail: `it was undone at ${undone.at}`, advice: 'begin anew' }
  if (end?.spoilt !== undefined)
    return { result: 'failed', code, detail: `what it read was wrong: ${end.spoilt}`, advice: `${command('undo')}, and begin anew` }
  const why = whyNotGoneOnWith(run)
  if (why !== undefined) return { result: 'failed', code, detail: `it stopped, and can't be gone on with: ${why}`, advice: 'begin anew' }
  const what = state === 'killed' ? 'its process is gone' : state
  return { result: 'failed', code, detail: `${what}; at least ${counts}`, advice: `go on with it: ${command('resume')}` }
}

async function verifyNow(
  what: string,
  run: RunInfo | undefined,
  options: CheckOptions,
  list: Checklist
): Promise<Readonly<VerifyReport> | undefined> {
  const { stateDir, environment, signal, logger, parallel, maxRate, maxReadUnits, sample, quick } = options
  const how = { stateDir, environment, signal, logger, parallel, maxRate, maxReadUnits, sample, quick }
  return await list.look('target.verified', what, async () => {
    const report = run
      ? await verify(definedOf({ ...how, run: run.runId, ...(await endsOf(run, options)) }))
      : await verify(definedOf({ ...how, ...comparedOptions(options) }))
    list.report.source ??= report.source
    list.report.target = report.target
    list.note(report.notes)
    list.report.collections = report.collections.map(({ source, target, sourceDocuments, targetDocuments }) => {
      return { source, target, sourceDocuments, targetDocuments }
    })
    return [verifiedFound(report, run?.runId), report]
  })
}

/** A sample is compared with the source; all documents with the receipt, for which the source is not needed. */
async function endsOf(
  run: RunInfo,
  { sample, source, target, environment }: CheckOptions
): Promise<{ source?: Endpoint; target?: Endpoint }> {
  const needed = sample === undefined ? source : await endOfRun(run.record!, 'source', { given: source, environment })
  return { ...(needed !== undefined && { source: needed }), ...(target !== undefined && { target }) }
}

function comparedOptions({
  source,
  target,
  collections,
  preset,
  rename,
  types,
  onIncompatible,
  includeDesign,
  attachments,
  includeSecurity,
  keepMetadata,
  subcollections,
  stages
}: CheckOptions) {
  const couchdb = { includeDesign, attachments, includeSecurity, keepMetadata }
  return { source, target, collections, preset, rename, types, onIncompatible, ...couchdb, subcollections, stages }
}

function verifiedFound(
  { state, against, collections, mode, sample = 0, differences }: Readonly<VerifyReport>,
  runId: string | undefined
): Found {
  const counts = totalVerifyCounts(collections)
  const beside = counts.beside > 0 ? `, ${formatCount(counts.beside)} more in the target` : ''
  const by = against === 'source' ? 'the source' : "the run's receipt"
  const part = mode === 'sample' ? ` (${Math.round(sample * 1000) / 10} %)` : ''
  const compared = mode === 'quick' ? counts.sameNumber : counts.equal
  const equal = mode === 'quick' ? `${formatCount(compared)} documents, counted` : `${formatCount(compared)} documents equal${part}`
  if (state === 'equal' && compared === 0 && mode !== 'sample')
    return {
      result: 'warning',
      detail: `there was none to compare, by ${by}${beside}`,
      advice: 'is it the right source, or the right run?'
    }
  if (state === 'equal') return { detail: `${equal}, by ${by}${beside}` }
  const words = {
    missing: 'missing',
    different: 'different',
    extra: 'extra',
    repeated: 'repeated',
    changing: 'changing',
    unreadable: 'unreadable',
    deadLetters: 'dead letters',
    unproven: 'unproven'
  } as const
  const found = (Object.keys(words) as (keyof typeof words)[]).flatMap(key =>
    counts[key] > 0 ? [`${formatCount(counts[key])} ${words[key]}`] : []
  )
  const uneven = mode === 'sample' ? collections.filter(({ sourceDocuments, targetDocuments }) => sourceDocuments !== targetDocuments) : []
  found.push(
    ...uneven.map(
      ({ source, sourceDocuments, targetDocuments }) =>
        `${source}: ${formatCount(sourceDocuments)} in the source, ${formatCount(targetDocuments)} in the target`
    )
  )
  const absent = collections.filter(({ isMissing }) => isMissing).map(({ target }) => target)
  const gone = absent.length > 0 ? `; not there at all: ${listed(absent)}` : ''
  const list = differences === undefined ? '' : `; all of them: ${differences}`
  const again = runId === undefined ? 'docferry repair' : `docferry repair ${runId}`
  return {
    result: 'failed',
    code: 'DOCFERRY_VERIFY',
    detail: `${formatCount(differencesOf(counts))} differences from ${by}: ${found.join(', ')}${gone}${list}`,
    advice: `${again} --dry-run says what would be mended, and mends it without --dry-run`
  }
}

async function receiptFound({ path }: RunInfo, verified: Readonly<VerifyReport> | undefined): Promise<Found> {
  const receipt = await receiptPath(path)
  if (receipt === undefined) return { result: 'warning', detail: 'it has none: only the source can tell whether all came over' }
  const holds = verified && verified.against !== 'source' && verified.state === 'equal' ? ', and the target holds what it says' : ''
  return { detail: `${receipt}${holds}` }
}

/** What both sides hold now. The run and its verification know what was moved; this is about what came since, and what is there besides. */
async function compareCounts(
  run: RunInfo | undefined,
  verified: Readonly<VerifyReport> | undefined,
  options: CheckOptions,
  list: Checklist
): Promise<void> {
  const asked = run?.record?.asked as PlannedOptions | undefined
  const pairs = verified?.collections.map(({ source, target }) => [source, target] as const) ?? asked?.collections ?? []
  const endpoint = async (end: 'source' | 'target'): Promise<Endpoint> =>
    run ? await endOfRun(run.record!, end, { given: options[end], environment: options.environment }) : options[end]!
  const held = async (end: 'source' | 'target') => await holdingsOf(await endpoint(end), options)
  const source = await list.look('source.answers', 'the source still answers', async () => [{}, await held('source')])
  const target = await list.look('target.answers', 'the target answers', async () => [{}, await held('target')])
  // What was just counted, document by document, is what is compared; a database counts design documents too.
  const isCounted = verified?.against === 'source'
  const [sourceDesigns, targetDesigns] =
    isCounted || (asked?.includeDesign ?? options.includeDesign)
      ? [{}, {}]
      : [
          await designsOf(
            'source',
            endpoint,
            pairs.map(([name]) => name),
            options
          ),
          await designsOf(
            'target',
            endpoint,
            pairs.map(([, to]) => to),
            options
          )
        ]
  for (const [name, to] of pairs) {
    let row = list.report.collections.find(each => each.target === to)
    if (!row) list.report.collections.push((row = { source: name, target: to }))
    if (isCounted) continue
    const [left, right] = [source?.get(name)?.documents, target?.get(to)?.documents]
    if (left !== undefined) row.sourceDocuments = left - (sourceDesigns[name] ?? 0)
    if (right !== undefined) row.targetDocuments ??= right - (targetDesigns[to] ?? 0)
  }
  const uneven = list.report.collections.filter(
    ({ sourceDocuments: left, targetDocuments: right }) => left !== undefined && right !== undefined && left !== right
  )
  list.add(
    'counts.equal',
    'both sides hold the same numbers now',
    uneven.length === 0
      ? {}
      : {
          result: 'warning',
          detail: listed(
            uneven.map(
              each =>
                `${each.source}: ${formatCount(each.sourceDocuments!)} in the source, ${formatCount(each.targetDocuments!)} in the target`
            ),
            10,
            '; '
          ),
          advice:
            'right where stages leave documents out, or the target held others before; what the source was given since, docferry repair brings over'
        }
  )
  const moved = new Set(pairs.map(([, to]) => to))
  const besides = [...(target?.values() ?? [])].filter(({ name, system }) => !system && !moved.has(name)).map(({ name }) => name)
  if (besides.length > 0) list.note([`the target also holds ${listed(besides, 20)}`])
  const left = [...(source?.values() ?? [])].filter(({ name, system }) => !system && !pairs.some(([from]) => from === name))
  list.add(
    'collections.all',
    'all collections of the source came over',
    left.length === 0
      ? { detail: `${pairs.length}` }
      : {
          result: 'warning',
          detail: `not ${listed(
            left.map(({ name }) => name),
            20
          )}`,
          advice: 'right if nobody needs them: they were not named'
        }
  )
}

async function designsOf(
  end: 'source' | 'target',
  endpointOf: (end: 'source' | 'target') => Promise<Endpoint>,
  collections: readonly string[],
  { environment, signal, logger }: CheckOptions
): Promise<Readonly<Record<string, number>>> {
  try {
    return (await inspectEnd(await endpointOf(end), { end, collections, signal }, { environment, signal, logger }))?.designDocuments ?? {}
  } catch (error) {
    signal?.throwIfAborted()
    // That it does not answer has been told.
    if (error instanceof DocferryError) return {}
    throw error
  }
}

async function holdingsOf(
  endpoint: Endpoint,
  { environment, signal, logger, subcollections }: CheckOptions
): Promise<ReadonlyMap<string, CollectionInfo>> {
  const source = await openSource(endpoint, { environment, signal, logger, subcollections })
  try {
    return new Map((await source.collections({ signal }))?.map(info => [info.name, info]))
  } finally {
    await source.close()
  }
}

async function undoFound(run: RunInfo, { target, undo: mode = 'none', onConflict }: PlannedOptions, options: CheckOptions): Promise<Found> {
  if (isSavedAtEnd(target)) return { result: 'skipped', detail: 'a file is made as a whole: remove it, or put the old one back' }
  if (run.undone) return { result: 'skipped', detail: 'it was undone already' }
  if (mode === 'none')
    return { result: 'warning', detail: 'it kept nothing to undo it by (--no-undo)', advice: 'only a backup of the target brings it back' }
  const journal = await stat(join(run.path, undoJournalName)).catch(() => undefined)
  const written = run.end?.totals.written ?? run.reached?.written ?? 0
  if (!journal)
    return written === 0 ? { detail: 'it has written nothing' } : { result: 'warning', detail: 'its journal is not there any more' }
  const command = runCommand('undo', run.runId, stateDirOf(run.path))
  if (options.full) {
    const { environment, signal, logger, stateDir } = options
    const report = await undo({ run: run.runId, target: options.target, dryRun: true, environment, signal, logger, stateDir })
    const left = report.collections.reduce((sum, counts) => sum + leftOf(counts), 0)
    return left === 0
      ? { detail: `${command}: tried as a dry run` }
      : {
          result: 'warning',
          detail: `${formatCount(left)} documents would be left: they were changed since`,
          advice: `${command} --dry-run tells which`
        }
  }
  if (mode === 'created' && onConflict === 'overwrite')
    return { result: 'warning', detail: `${command} removes what it made; what it replaced was not kept (--undoable keeps it)` }
  return { detail: command }
}
