/**
 * REPAIRING, read top to bottom: compare both ends, say what would be done, then
 *
 *   what is missing or different -> written by the data path of every run, behind one more stage
 *   what only the target holds   -> kept in a file, and removed, where that is wanted
 *   both ends                    -> compared again
 */
import { now } from '../clock.ts'
import { DocferryError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { Endpoint } from '../open.ts'
import { isSavedAtEnd, listNames, totalCounts } from '../report.ts'
import type { RunReport } from '../report.ts'
import { migrate } from '../run.ts'
import { leaveOutRight } from '../stages/index.ts'
import { holdsSubcollections } from '../verify/ends.ts'
import { taskOf } from '../verify/task.ts'
import type { Task } from '../verify/task.ts'
import { verify } from '../verify/verify.ts'
import type { VerifyOptions } from '../verify/options.ts'
import type { VerifyReport } from '../verify/report.ts'
import { checkRepairOptions, providerOf } from './options.ts'
import type { RepairOptions } from './options.ts'
import { removeExtras } from './remove.ts'
import { leftOf, totalRepairCounts, workOf } from './report.ts'
import type { RepairReport } from './report.ts'
import { extras, todoOf } from './todo.ts'
import type { Todo } from './todo.ts'
import { formatCount } from '../values/format-count.ts'

/** A task that can be repaired by its source. */
type RepairTask = Task & { readonly source: Endpoint }

/**
 * Make a target hold what its source holds: compare both, write what is missing or different, and, with `deleteExtra`, remove what only the target
 * holds. What is written is a run like any other, which `undo` takes back. Ended in the middle, it is begun again: it finds what is left.
 *
 * @returns the final report; its `state` is `equal` only where the last comparison has found nothing
 * @throws {DocferryError} as `verify` and `migrate`; DOCFERRY_USAGE, DOCFERRY_CONFIG, DOCFERRY_READ or DOCFERRY_EXTRA, before anything is changed, for what can't
 * or must not be repaired
 */
export async function repair(options: RepairOptions): Promise<RepairReport> {
  checkRepairOptions(options)
  options.signal?.throwIfAborted()
  const task = await taskOf(comparing(options))
  checkTask(task)
  return await new Repairing(options, task).execute()
}

class Repairing {
  readonly #options: RepairOptions
  readonly #task: RepairTask
  #report: RepairReport | undefined

  constructor(options: RepairOptions, task: RepairTask) {
    this.#options = options
    this.#task = task
  }

  async execute(): Promise<RepairReport> {
    const { dryRun = false, deleteExtra = false, signal } = this.#options
    try {
      const before = await verify({ ...comparing(this.#options), observe: this.#begin })
      const report = this.#report!
      const todo = await todoOf(before, this.#isLeftAlone)
      try {
        report.collections = todo.collections
        this.#check(before, todo)
        await this.#options.onPlan?.(report)
        if (!dryRun && workOf(report) > 0) {
          const run = await this.#write(todo)
          if (deleteExtra) await this.#remove(run)
          await this.#compareAgain()
        }
      } finally {
        todo.wrong.close()
        todo.different.close()
      }
      report.state = stateOf(report)
      return report
    } catch (error) {
      if (this.#report) this.#report.state = signal?.aborted ? 'interrupted' : 'failed'
      if (!signal?.aborted) throw error
      const stays =
        this.#report?.run?.folder === undefined ? 'nothing was changed' : 'what was repaired stays repaired; begin it again for the rest'
      throw new DocferryError('DOCFERRY_INTERRUPTED', `interrupted: ${stays}`, { cause: error })
    } finally {
      if (this.#report) {
        this.#report.phase = 'ended'
        this.#report.finishedAt = now()
      }
    }
  }

  readonly #isLeftAlone = (collection: string): boolean => {
    const { receipt, onConflict } = this.#task
    if (this.#options.replaceSkipped || onConflict !== 'skip') return false
    // Of what the run itself has written first, it skips only what has the same id.
    return receipt?.collections.some(each => each.target === collection && !each.wasEmpty && each.skipped.count > 0) ?? true
  }

  readonly #begin = (before: Readonly<VerifyReport>): void => {
    const { dryRun = false, deleteExtra = false, observe } = this.#options
    const { source, target, runId, startedAt } = before
    const ends = { ...(source && { source }), target, ...(runId !== undefined && { runId }) }
    const { rules, includeDesign, receipt } = this.#task
    const held = new Set(receipt?.collections.filter(({ wasEmpty }) => !wasEmpty).map(each => each.target))
    const notEmpty = before.collections.map(each => each.target).filter(name => held.has(name))
    const how = { dryRun, deleteExtra, notEmpty, types: rules.types, includeDesign }
    this.#report = { ...how, ...ends, phase: 'comparing', state: 'running', collections: [], before, notes: [], endNotes: [], startedAt }
    observe?.(this.#report)
  }

  /** What must not be done is told before anything is. */
  #check({ collections, source, target }: Readonly<VerifyReport>, todo: Todo): void {
    const { deleteExtra = false, maxReadUnits, maxWriteUnits } = this.#options
    const { notes } = this.#report!
    if (collections.some(({ suspects }) => suspects !== undefined))
      throw new DocferryError(
        'DOCFERRY_READ',
        'the source can not tell what the run wrote, because it has changed since, or can not be read (docferry verify says more): compare it with the target as it is now, and repair by that (docferry repair --source ... --target ...)'
      )
    if (maxReadUnits !== undefined && source?.provider !== 'dynamodb' && target.provider !== 'dynamodb')
      throw new DocferryError('DOCFERRY_CONFIG', '--max-rcu: neither end is DynamoDB, and others have no such units')
    if (maxWriteUnits !== undefined && target.provider !== 'dynamodb')
      throw new DocferryError(
        'DOCFERRY_CONFIG',
        `--max-wcu: the target is ${target.provider}, which has no such units; --max-rate bounds documents a second`
      )
    if (deleteExtra) this.#checkCanDelete(todo)
    for (const { target: name, beside } of deleteExtra ? collections : []) {
      if (beside === 0 || !this.#report!.notEmpty.includes(name)) continue
      const [what, are] = beside === 1 ? ['document', 'is'] : ['documents', 'are']
      this.#noteEnd(
        `${name}: ${formatCount(beside)} ${what} that only the target holds ${are} left, because the collection was not empty before the run: to remove what the source does not hold, repair it by --source and --target`
      )
    }
    const { remove, leftAlone } = totalRepairCounts(this.#report!.collections)
    if (leftAlone > 0)
      notes.push('the run skipped documents whose ids the target held: what differs there is left, and --replace-skipped replaces it')
    if (!deleteExtra && remove > 0)
      notes.push('what only the target holds is left: --delete-extra removes it, and keeps it in a file first')
    if (isSavedAtEnd(target) && workOf(this.#report!) > 0)
      notes.push('a snapshot is saved as a whole, and docferry undo can not take it back: keep a copy of the old one')
  }

  /** What could not be read, or is not still, may be what only the target seems to hold. */
  #checkCanDelete({ sourceIsBroken, targetChanges }: Todo): void {
    const refuse = (why: string, code: ErrorCode = 'DOCFERRY_EXTRA'): DocferryError =>
      new DocferryError(code, `--delete-extra: ${why}; without it, the rest is repaired`)
    if (sourceIsBroken)
      throw refuse(
        'the source holds what is no document, so that it is not known of all that the target holds whether it is extra',
        'DOCFERRY_READ'
      )
    const { collections, before } = this.#report!
    const withExtra = collections.filter(({ remove }) => remove > 0)
    const namesOf = (found: readonly { readonly source: string }[]): string => listNames(found.map(({ source }) => source))
    const refused = withExtra.filter(each => each.refused > 0)
    if (refused.length > 0)
      throw refuse(
        `in ${namesOf(refused)} the source holds documents that the target can't hold, and what only the target holds may be one of them under another id`
      )
    const changing = withExtra.filter(each => each.changing > 0)
    const inTarget = changing.filter(({ target }) => targetChanges.has(target))
    if (changing.length > inTarget.length)
      throw refuse(
        `in ${namesOf(changing.filter(each => !inTarget.includes(each)))} documents of the source go on changing, and what only the target holds may be one of them under another id: wait until nobody writes there`
      )
    if (inTarget.length > 0)
      throw refuse(
        `in ${namesOf(inTarget)} documents of the target go on changing, and what only the target holds may be what somebody is adding: wait until nobody writes there`
      )
    const empty = before.collections.filter(({ sourceDocuments, extra }) => sourceDocuments === 0 && extra > 0)
    if (empty.length > 0)
      throw refuse(
        `the source holds no documents in ${namesOf(empty)}, and all that the target holds there would be removed: leave it out with --collections, or empty it by hand if that is meant`
      )
  }

  /** Also where there is nothing to write: the run is what the removed documents are kept under. */
  async #write({ wrong, different, collections }: Todo): Promise<RunReport> {
    const { environment, signal, logger, retry, stateDir, parallel, mask } = this.#options
    const { maxRate, maxWriteUnits, maxReadUnits, maxRetries, maxFailures, onBegun } = this.#options
    const { source, target, rename, rules, stages, includeDesign, keepMetadata } = this.#task
    const report = this.#report!
    report.phase = 'writing'
    const touched = collections.filter(({ write, replace }) => write + replace > 0)
    const names = new Map(touched.map(each => [each.source, each]))
    const isWrong = (name: string, id: string): boolean => {
      const { isMissing = false, target: nameThere = '' } = names.get(name) ?? {}
      return isMissing || wrong.has(nameThere, id)
    }
    // What somebody has made meanwhile is left; of several documents with one id, the same one wins as in the run.
    const inTarget = new Map(touched.map(each => [each.target, each]))
    const mayReplace = (name: string, id: string): boolean =>
      this.#task.onConflict === 'overwrite' ? (inTarget.get(name)?.isMissing ?? false) || wrong.has(name, id) : different.take(name, id)
    const around = { environment, signal, logger, retry, stateDir, parallel, mask }
    const bounds = { maxRate, maxWriteUnits, maxRetries, maxFailures, ...(report.source?.provider === 'dynamodb' && { maxReadUnits }) }
    return await migrate({
      ...around,
      ...bounds,
      source,
      target,
      collections: [...names.keys()],
      rename: Object.fromEntries(Object.entries(rename).filter(([name]) => names.has(name))),
      types: rules.types,
      onIncompatible: rules.escapeNames ? 'escape' : 'dead-letter',
      includeDesign,
      keepMetadata,
      subcollections: rules.subcollections,
      stages: [...stages, leaveOutRight(isWrong)],
      onConflict: 'overwrite',
      mayReplace,
      undo: isSavedAtEnd(report.target) ? 'none' : 'all',
      observe: run => void (report.run = run),
      onBegun
    })
  }

  async #remove({ runId, state, collections }: RunReport): Promise<void> {
    const { source, target, builtIn, stages, rules } = this.#task
    const report = this.#report!
    if (totalRepairCounts(report.collections).remove === 0) return
    if (state !== 'done') return this.#noteEnd('nothing was removed, for not all could be written: see the dead letters')
    const { write, replace } = totalRepairCounts(report.collections)
    if (totalCounts(collections).written < write + replace)
      return this.#noteEnd('nothing was removed, for the source does not hold any more what it held when it was compared')
    report.phase = 'removing'
    const { subcollections = await holdsSubcollections(source, this.#options) } = rules
    const removal = { source, target, subcollections, stages: [...builtIn, ...stages], runId, ids: extras(report.before) }
    await removeExtras(removal, report, this.#options)
  }

  #noteEnd(text: string): void {
    this.#report!.notes.push(text)
    this.#report!.endNotes.push(text)
  }

  /** As a whole: what nobody has touched may have changed as well. */
  async #compareAgain(): Promise<void> {
    const report = this.#report!
    report.phase = 'comparing again'
    const { differences: _differences, ...options } = comparing(this.#options)
    report.after = await verify({ ...options, observe: after => void (report.after = after) })
  }
}

/** The options of the comparison. */
function comparing(options: RepairOptions): VerifyOptions {
  const {
    maxWriteUnits: _a,
    maxRetries: _b,
    maxFailures: _c,
    mask: _d,
    deleteExtra: _e,
    dryRun: _f,
    replaceSkipped: _i,
    observe: _g,
    onPlan: _h,
    onBegun: _j,
    ...rest
  } = options
  return rest
}

/** What can't be repaired shows before anything is read. */
function checkTask(task: Task): asserts task is RepairTask {
  const { source, target, runId, wroteTo, attachments, incomparable } = task
  if (attachments)
    throw new DocferryError(
      'DOCFERRY_USAGE',
      'attachments are not repaired, for what is replaced could not be kept: run the migration again with --attachments --on-conflict overwrite, then verify'
    )
  if (wroteTo?.provider === 'file' || providerOf(target) === 'file')
    throw new DocferryError(
      'DOCFERRY_USAGE',
      'the target is a file, and nothing can be added to a file that is whole: export it again (--force replaces it)'
    )
  if (source === undefined)
    throw new DocferryError(
      'DOCFERRY_USAGE',
      incomparable ?? `the run ${runId} does not know its source any more, for its address is not kept: give it again (--source)`
    )
}

function stateOf(report: RepairReport): RepairReport['state'] {
  if (report.run?.state === 'partial') return 'partial'
  const { before, after = before } = report
  return after.state === 'equal' && leftOf(report) === 0 ? 'equal' : 'different'
}
