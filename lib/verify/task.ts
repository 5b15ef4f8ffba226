/** From what a user asks for to what is compared: two ends, the names, the stages, and perhaps a receipt. */
import { join } from 'node:path'
import { deadLettersName } from '../checkpoint/dead-letters.ts'
import { busy } from '../checkpoint/lock.ts'
import { runCommand } from '../checkpoint/run-command.ts'
import { lacksVerification, listRuns, noSuchRun, receiptPath, whyNotGoneOnWith } from '../checkpoint/run-folder.ts'
import type { RunRecord } from '../checkpoint/run-folder.ts'
import { functionStages } from '../engine/stage-chain.ts'
import { toStages } from '../engine/to-stages.ts'
import { DocferryError } from '../errors.ts'
import { givenAgain } from '../open.ts'
import type { Endpoint } from '../open.ts'
import type { PresetName } from '../config/presets.ts'
import type { PlannedOptions } from '../plan/plan.ts'
import { endOfPipeline, stagesOfRun } from '../stages-of-run.ts'
import { builtInStages, isOfRepair } from '../stages/index.ts'
import type { EncodeRules, Environment, Location, OnConflict, OnIncompatible, Stage, StageLike, Types } from '../types.ts'
import { holdsSubcollections } from './ends.ts'
import { openReceipt, proofOf } from './open-receipt.ts'
import type { Proof } from './open-receipt.ts'
import { decidedIssue } from './options.ts'
import type { VerifyOptions } from './options.ts'
import { readReceipt } from './read-receipt.ts'
import type { Receipt } from './receipt.ts'
import { plural } from '../values/format-count.ts'

export interface Task {
  /** Missing where there is only a receipt. */
  readonly source?: Endpoint | undefined
  readonly target: Endpoint
  readonly runId?: string
  /** Folder of the run, where it was to be verified, has not been, and is now: all that it wrote. */
  readonly unverified?: string
  readonly receipt?: Proof
  readonly collections?: readonly string[] | undefined
  readonly preset?: PresetName | undefined
  readonly rename: Readonly<Record<string, string>>
  readonly rules: EncodeRules
  readonly includeDesign: boolean
  readonly keepMetadata: boolean
  readonly attachments: boolean
  readonly includeSecurity: boolean
  /** Of every run: both sides go through them. */
  readonly builtIn: readonly Stage[]
  /** Why the source can't be compared, and is missing for that. */
  readonly incomparable?: string
  /** The user's, of the source alone. */
  readonly stages: readonly Stage[]
  /** Where the run wrote, and what it did with documents that the target held. */
  readonly wroteTo?: Location
  readonly onConflict?: OnConflict
  readonly notes: readonly string[]
}

/** What decides which documents a run moves, and how. */
interface Decisions {
  readonly types: Types
  readonly onIncompatible: OnIncompatible
  readonly includeDesign: boolean
  readonly keepMetadata: boolean
  /** Where it is not said, the source tells. */
  readonly subcollections?: boolean | undefined
  readonly attachments?: boolean | undefined
  readonly includeSecurity?: boolean | undefined
}

const onlyAPart = 'it tells only of what was wrong before; give --source and --target, or the run that was repaired'

/** @throws {DocferryError} DOCFERRY_USAGE, DOCFERRY_STATE, DOCFERRY_RUN_UNFIT, DOCFERRY_RUN_BUSY */
export async function taskOf(options: VerifyOptions): Promise<Task> {
  if (options.run !== undefined) return await runTask(options, options.run)
  if (options.receipt !== undefined) return await receiptTask(options, options.receipt)
  const { source, target, types = 'natural', onIncompatible = 'dead-letter', includeDesign = false, keepMetadata = false } = options
  const { collections, preset, rename = {}, attachments, includeSecurity, subcollections } = options
  const decisions = { types, onIncompatible, includeDesign, keepMetadata, attachments, includeSecurity, subcollections }
  return {
    source,
    target: target!,
    collections,
    preset,
    rename,
    stages: comparable(options.stages ?? [], '; verify the run by its id, or by its receipt'),
    ...ways(decisions),
    notes: []
  }
}

async function runTask(options: VerifyOptions, runId: string): Promise<Task> {
  const { stateDir = '.docferry' } = options
  const run = (await listRuns(stateDir)).find(found => found.runId === runId)
  if (!run) throw noSuchRun(stateDir, `no run ${runId}`)
  if (!run.record) throw run.trouble
  const record = run.record as RunRecord<PlannedOptions>
  const { asked, ends } = record
  const usage = (message: string): DocferryError => new DocferryError('DOCFERRY_USAGE', message)
  const unfit = (message: string): DocferryError => new DocferryError('DOCFERRY_RUN_UNFIT', message)
  if (isOfRepair(asked.stages)) throw unfit(`the run ${runId} is a repair: ${onlyAPart}`)
  if (run.state === 'undone') throw unfit(`the run ${runId} was undone: there is nothing of it to verify`)
  if (run.holder) throw busy(`run ${runId}`, run.holder)
  if (run.state !== 'done' && run.state !== 'partial' && run.state !== 'partly undone') {
    const why = whyNotGoneOnWith(run)
    const first =
      why === undefined
        ? `go on with it first (${runCommand('resume', runId, stateDir)}), or begin a new one`
        : `it can't be gone on with, for ${why}; begin a new one`
    throw unfit(`the run ${runId} has not come to its end (${run.state}): ${first}, then verify that`)
  }
  const { environment = {} } = options
  const given = async (role: 'source' | 'target') => options[role] && (await givenAgain(options[role], record, role))
  const target = (await given('target')) ?? ends.target ?? (await endOfPipeline(asked, 'target', environment))
  if (target === undefined)
    throw usage(`the run ${runId} does not know its target any more, for its address is not kept: give it again (--target)`)
  // A receipt tells only of all documents.
  const isSample = options.sample !== undefined
  const path = isSample ? undefined : await receiptPath(run.path)
  const receipt = path === undefined ? undefined : proofOf(await readReceipt(path))
  const told: string[] = []
  const source = (await given('source')) ?? ends.source ?? (await sourceOfPipeline(asked, environment, receipt && told))
  if (!receipt && source === undefined)
    throw usage(`the run ${runId} has no receipt, and does not know its source any more: give it again (--source)`)
  const notes =
    receipt || isSample
      ? told
      : [...told, `the run has no receipt (it is of an older docferry): the target is compared with what the source holds now`]
  const named = namesOf(options, receipt ? pairsOf(receipt) : asked.collections, asked)
  if (run.state === 'partial' && (!receipt || failedIn(receipt, named.collections) > 0)) {
    const again = asked.target.provider === 'file' ? '' : ` (${runCommand('retry', runId, stateDir)} tries them again)`
    const where = `which they are, and why, is in ${join(run.path, deadLettersName)}`
    notes.push(`the run could not write all documents: its dead letters are in no receipt${again}; ${where}`)
  }
  if (run.state === 'partly undone') notes.push('the run was undone in part')
  return {
    target,
    runId,
    ...(lacksVerification(run) && isWhole(options) && { unverified: run.path }),
    ...(receipt && { receipt }),
    ...named,
    ...(source === undefined && told.length > 0 && { incomparable: told[0]! }),
    ...(await comparedThrough(source, options, { asked, runId, hasReceipt: receipt !== undefined, notes })),
    ...ways({ ...asked, subcollections: asked.subcollections ?? false }),
    wroteTo: asked.target,
    onConflict: asked.onConflict,
    notes
  }
}

function isWhole({ quick = false, sample, collections }: VerifyOptions): boolean {
  return !quick && sample === undefined && collections === undefined
}

async function receiptTask(options: VerifyOptions, given: Receipt | string): Promise<Task> {
  const opened = typeof given === 'string' ? await openReceipt(given) : given
  const { source, target } = options
  const notes: string[] = []
  if ('runId' in opened) {
    const issue = decidedIssue(options, 'the receipt')
    if (issue) throw new DocferryError('DOCFERRY_CONFIG', issue)
    const { stages: texts, subcollections = false, ...decisions } = opened.options
    if (isOfRepair(texts)) throw new DocferryError('DOCFERRY_USAGE', `the receipt is that of a repair: ${onlyAPart}`)
    const again = { asked: { stages: texts }, runId: opened.runId, hasReceipt: options.sample === undefined, notes }
    const compared = await comparedThrough(source, options, again)
    const named = namesOf(options, pairsOf(opened))
    const failed = failedIn(opened, named.collections)
    if (failed > 0)
      notes.push(`the run could not write ${plural(failed, 'document')}, which ${failed === 1 ? 'is' : 'are'} not in its receipt`)
    const proof = options.sample === undefined ? { receipt: proofOf(opened) } : {}
    return { ...compared, target: target!, ...proof, ...named, ...ways({ ...decisions, subcollections }), notes }
  }
  const { types = 'natural', onIncompatible = 'dead-letter', includeDesign = false, keepMetadata = false, rename = {} } = options
  const { attachments, includeSecurity } = options
  const collections = opened.collections.map(each => ({
    ...each,
    target: Object.hasOwn(rename, each.source) ? rename[each.source]! : each.source
  }))
  const receipt = { ...opened, collections }
  const subcollections = options.subcollections ?? (typeof given === 'string' && (await holdsSubcollections(fileAt(given), options)))
  const decisions = { types, onIncompatible, includeDesign, keepMetadata, attachments, includeSecurity, subcollections }
  return {
    source,
    target: target!,
    ...(options.sample === undefined && { receipt }),
    ...namesOf(options, pairsOf(receipt)),
    stages: comparable(options.stages ?? []),
    ...ways(decisions),
    notes
  }
}

function fileAt(path: string): Endpoint {
  return { connector: 'file', options: { path } }
}

/** Documents that became dead letters, of the collections that are asked about. */
function failedIn({ collections }: Proof, names: readonly string[] | undefined): number {
  return collections.filter(({ source }) => names?.includes(source) ?? true).reduce((sum, { counts }) => sum + (counts?.failed ?? 0), 0)
}

function pairsOf({ collections }: Proof): (readonly [string, string])[] {
  return collections.map(({ source, target }) => [source, target])
}

/** Those of the run, of which a user may choose some. */
function namesOf(
  { collections }: VerifyOptions,
  pairs: readonly (readonly [string, string])[],
  asked?: Pick<PlannedOptions, 'named' | 'preset'>
): Pick<Task, 'collections' | 'preset' | 'rename'> {
  // A run of a stream does not know beforehand.
  if (pairs.length === 0 && asked) return { collections: collections ?? asked.named.collections ?? undefined, rename: asked.named.rename }
  const names = pairs.map(([name]) => name)
  const strangers = collections?.filter(name => !names.includes(name)) ?? []
  if (strangers.length > 0)
    throw new DocferryError('DOCFERRY_NO_SUCH_COLLECTION', `the run has no collection ${strangers.join(', ')}; it has ${names.join(', ')}`)
  const chosen = pairs.filter(([name]) => collections?.includes(name) ?? true)
  return { collections: chosen.map(([name]) => name), rename: Object.fromEntries(chosen.filter(([name, target]) => name !== target)) }
}

function ways({
  types,
  onIncompatible,
  includeDesign,
  keepMetadata,
  attachments = false,
  includeSecurity = false,
  subcollections
}: Decisions): Pick<Task, 'rules' | 'includeDesign' | 'keepMetadata' | 'attachments' | 'includeSecurity' | 'builtIn'> {
  return {
    rules: { types, escapeNames: onIncompatible === 'escape', subcollections },
    includeDesign,
    keepMetadata,
    attachments,
    includeSecurity,
    builtIn: builtInStages({ includeDesign, keepMetadata, attachments })
  }
}

/** What counts on neither side does not count where a stage has made it either. */
export function stagesOfSource({ builtIn, stages }: Pick<Task, 'builtIn' | 'stages'>): Stage[] {
  return [...builtIn, ...stages, ...(stages.length > 0 ? builtIn : [])]
}

/** @param notes where a receipt does without it: told why the source is not known any more */
async function sourceOfPipeline(
  asked: PlannedOptions,
  environment: Environment,
  notes: string[] | undefined
): Promise<Endpoint | undefined> {
  try {
    return await endOfPipeline(asked, 'source', environment)
  } catch (error) {
    if (!(error instanceof DocferryError) || !notes) throw error
    notes.push(`the run's pipeline does not tell its source any more: ${error.message}`)
    return undefined
  }
}

/** @throws {DocferryError} DOCFERRY_USAGE for stages that give something else when the same documents come again */
function comparable(stages: readonly StageLike[], advice = ''): readonly Stage[] {
  const refuse = (name: string): DocferryError =>
    new DocferryError(
      'DOCFERRY_USAGE',
      `a source can't be compared through the stage ${name}: what it gives depends on the documents before${advice}`
    )
  const compared = functionStages(toStages(stages), refuse).filter(stage => !stage.passesAll)
  const refused = compared.find(stage => stage.state !== undefined)
  if (refused) throw refuse(refused.name)
  return compared
}

interface Again {
  readonly asked: Pick<PlannedOptions, 'stages' | 'pipeline'>
  readonly runId: string
  readonly hasReceipt: boolean
  /** Told where the source can't be read through them, but is not needed either. */
  readonly notes: string[]
}

/** @returns no source where its documents can't go through the stages again: what the target was to hold, the receipt tells */
async function comparedThrough(
  source: Endpoint | undefined,
  options: VerifyOptions,
  { asked, runId, hasReceipt, notes }: Again
): Promise<Pick<Task, 'source' | 'incomparable' | 'stages'>> {
  if (source === undefined) return { source, stages: [] }
  try {
    return { source, stages: comparable(options.stages ?? (await stagesOfRun(asked, options))) }
  } catch (error) {
    if (!(error instanceof DocferryError)) throw error
    const message = `the run ${runId} had stages that its source can't be compared through (${asked.stages.join(', ')}): ${error.message}`
    if (!hasReceipt) throw new DocferryError('DOCFERRY_USAGE', message, { cause: error })
    notes.push(message)
    return { incomparable: message, stages: [] }
  }
}
