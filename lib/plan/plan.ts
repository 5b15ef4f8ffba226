/** What was found before a run, in a form that can be kept, and the check that a run is the one that was planned. */
import type { Bounds } from './bounds.ts'
import type { RunRecord } from '../checkpoint/run-folder.ts'
import { DocferryError } from '../errors.ts'
import { totalCounts } from '../report.ts'
import type { CollectionReport, Counts, RunReport } from '../report.ts'
import { settingsOf } from '../open.ts'
import type { Endpoint } from '../open.ts'
import type { Location, OnConflict, OnIncompatible, PlaceName, StageLike, Types, UndoMode, Usage } from '../types.ts'
import { addUsage, costOf, scaleUsage, storageCostOf, subtractUsage, timeAt } from './estimate.ts'
import type { Cost } from './estimate.ts'
import { defaultPrices } from './prices.ts'
import type { PriceTable } from './prices.ts'

/** The options that decide what a run does, as far as a plan must agree with it. */
export interface PlanOptions {
  readonly source?: Endpoint
  readonly target?: Endpoint
  readonly collections?: readonly string[]
  readonly preset?: string
  readonly rename?: Readonly<Record<string, string>>
  readonly includeDesign?: boolean
  readonly attachments?: boolean
  readonly includeSecurity?: boolean
  readonly keepMetadata?: boolean
  readonly stages?: readonly StageLike[]
  readonly pipeline?: PipelineOrigin
  readonly undo?: UndoMode
}

/** A pipeline, as a run remembers it. */
export interface PipelineOrigin {
  /** Absolute path. */
  readonly file: string
  /** Which of its targets, by name. */
  readonly target: string
  /** The same for all runs that one command has begun, one for each of several targets. */
  readonly together?: string | undefined
  /** Of the code that its stages name, as it was when the run began. */
  readonly code?: string | undefined
  /** Of what its sources said. Missing of a run of before this was kept. */
  readonly sources?: string | undefined
}

export interface PlannedOptions {
  readonly source: Location
  readonly target: Location
  /** Name in the source, name in the target. */
  readonly collections: readonly (readonly [string, string])[]
  readonly preset?: string
  readonly onConflict: OnConflict
  readonly onIncompatible: OnIncompatible
  readonly types: Types
  readonly includeDesign: boolean
  readonly keepMetadata: boolean
  /** Whether ids that are paths mean documents in Firestore's subcollections; missing where they do not. */
  readonly subcollections?: boolean
  /** These two are missing where they were not asked for. */
  readonly attachments?: true
  readonly includeSecurity?: true
  readonly stages: readonly string[]
  /** Whose file says what the first of the stages are, which text can't. */
  readonly pipeline?: PipelineOrigin
  /** What the ends were given beside their places: `maxDocumentBytes=1000`. Without secrets. */
  readonly settings: { readonly source: string; readonly target: string }
  /** What a run keeps for its undoing; of the record of a run only. */
  readonly undo?: UndoMode
  /** Of the record of a run only. */
  readonly bounds?: Bounds
  /** Whether it is to be verified once it has come to its end; of the record of a run only. */
  readonly toVerify?: true
  /** As asked: what there is to compare where only reading tells which collections there are. */
  readonly named: { readonly collections: readonly string[] | null; readonly rename: Readonly<Record<string, string>> }
}

export interface EstimateOptions {
  /** Documents a second that the run is reckoned with. Default: 1,000. */
  readonly perSecond?: number
  readonly prices?: PriceTable
}

export type EstimatedUsage = Partial<Usage>

/** Of the whole, also where only a sample was looked at. */
export interface Estimate {
  /** Documents that would be read, and of these written. */
  readonly documents: number
  readonly written: number
  /** Documents that would fail. */
  readonly failed: number
  /** Of what would be written, as the target counts it. */
  readonly bytes: number
  /** Without requests where only a sample was looked at: its pages and batches are not as full as a run's. */
  readonly reading?: EstimatedUsage
  readonly writing?: EstimatedUsage
  readonly perSecond: number
  readonly seconds: number
  /** Documents a second that the dry run itself read. */
  readonly measuredPerSecond: number
  readonly readingCost?: Cost
  readonly writingCost?: Cost
  /** For a month. */
  readonly storageCost?: Cost
  /** By which prices: of these ends' services, where they charge by use. */
  readonly prices: Pick<PriceTable, 'date' | 'currency'> & { readonly places: readonly string[] }
}

export type PlannedCollection = Omit<CollectionReport, 'state' | 'startedAt' | 'finishedAt'>

export interface Plan {
  /** Version of this form. */
  readonly docferryPlan: 1
  readonly madeAt: string
  readonly options: PlannedOptions
  /** Share of the documents that was asked for; missing where all were looked at. */
  readonly sample?: number
  /** Sums of what was looked at. */
  readonly totals: Counts
  readonly collections: readonly PlannedCollection[]
  readonly notTaken: readonly string[]
  readonly notes: readonly string[]
  readonly estimate: Estimate
}

const defaultPerSecond = 1_000

/** @param report of a dry run that has come to its end */
export function makePlan(
  report: Readonly<RunReport>,
  options: PlanOptions & { readonly sample?: number },
  estimate: EstimateOptions = {}
): Plan {
  const { startedAt, finishedAt = startedAt, collections, notTaken, notes } = report
  return {
    docferryPlan: 1,
    madeAt: new Date(finishedAt).toISOString(),
    options: plannedOptions(report, options),
    ...(options.sample !== undefined && { sample: options.sample }),
    totals: totalCounts(collections),
    collections: collections.map(({ state: _state, startedAt: _startedAt, finishedAt: _finishedAt, ...collection }) => collection),
    notTaken,
    notes,
    estimate: estimateOf(report, estimate)
  }
}

/** How many documents of a collection stand for how many. */
export function scaleOf({ survey }: Pick<CollectionReport, 'survey'>): number {
  const { passed, of } = survey?.sample ?? { passed: 1, of: 1 }
  return passed === 0 ? 1 : of / passed
}

function estimateOf(report: Readonly<RunReport>, { perSecond = defaultPerSecond, prices = defaultPrices }: EstimateOptions): Estimate {
  const { source, target, collections, startedAt, finishedAt = startedAt } = report
  const sum = (part: (collection: CollectionReport) => number): number =>
    collections.reduce((total, collection) => total + part(collection) * scaleOf(collection), 0)
  const writings = collections.flatMap(collection =>
    collection.survey?.writing ? [scaleUsage(collection.survey.writing, scaleOf(collection))] : []
  )
  const isPart = collections.some(({ survey }) => survey?.sample !== undefined)
  const whole = ({ requests, ...units }: Usage): EstimatedUsage => roundedUp(isPart ? units : { requests, ...units })
  const writing = writings.length > 0 ? writings.reduce(addUsage) : undefined
  const reading = report.reading && readingOf(report.reading, report.finding, readingScale(collections))
  const documents = Math.round(sum(({ read }) => read))
  const bytes = Math.round(sum(writtenBytes))
  const written = Math.round(sum(collection => collection.written))
  const seconds = (finishedAt - startedAt) / 1000
  const readingCost = reading && costOf(source.provider, reading, prices)
  const writingCost = writing && costOf(target.provider, writing, prices)
  const storageCost = storageCostOf(target.provider, { bytes, documents: written }, prices)
  const isEnd = (provider: PlaceName): boolean => source.provider === provider || target.provider === provider
  return {
    documents,
    written,
    failed: Math.round(sum(({ failed }) => failed)),
    bytes,
    ...(reading && { reading: whole(reading) }),
    ...(writing && { writing: whole(writing) }),
    perSecond,
    seconds: timeAt(documents, perSecond),
    measuredPerSecond: seconds === 0 ? 0 : totalCounts(collections).read / seconds,
    ...(readingCost && { readingCost }),
    ...(writingCost && { writingCost }),
    ...(storageCost && { storageCost }),
    prices: {
      date: prices.date,
      currency: prices.currency,
      places: [
        ...(isEnd('dynamodb') ? [`DynamoDB ${prices.dynamodb.region}`] : []),
        ...(isEnd('firestore') ? [`Firestore ${prices.firestore.location}`] : [])
      ]
    }
  }
}

/** Documents that are measured and then found in the target are taken to be as large as the others. */
function writtenBytes({ written, skipped, failures, survey }: CollectionReport): number {
  const conflicts = failures.reduce((total, { code, count }) => total + (code === 'DOCFERRY_CONFLICT' ? count : 0), 0)
  return written === 0 ? 0 : ((survey?.bytes.total ?? 0) * written) / (written + skipped + conflicts)
}

function roundedUp(usage: EstimatedUsage): EstimatedUsage {
  return Object.fromEntries(Object.entries(usage).map(([name, count]) => [name, Math.ceil(count)]))
}

/** What was asked before the first document is asked once, however many follow. */
function readingOf(all: Usage, finding: Usage | undefined, scale: number): Usage {
  return finding ? addUsage(finding, scaleUsage(subtractUsage(all, finding), scale)) : scaleUsage(all, scale)
}

/** How many documents stand for how many that were read. */
function readingScale(collections: readonly CollectionReport[]): number {
  const samples = collections.flatMap(({ survey }) => survey?.sample ?? [])
  const read = samples.reduce((total, sample) => total + sample.read, 0)
  return read === 0 ? 1 : samples.reduce((total, { of }) => total + of, 0) / read
}

export function plannedOptions(report: Readonly<RunReport>, options: PlanOptions): PlannedOptions {
  const { preset, includeDesign = false, keepMetadata = false, attachments, includeSecurity, stages = [], pipeline } = options
  const { source, target, collections, onConflict, onIncompatible, types, subcollections } = report
  return {
    source,
    target,
    collections: collections.map(collection => [collection.source, collection.target] as const),
    ...(preset !== undefined && { preset }),
    onConflict,
    onIncompatible,
    types,
    includeDesign,
    keepMetadata,
    ...(attachments && { attachments }),
    ...(includeSecurity && { includeSecurity }),
    ...(subcollections && { subcollections }),
    stages: stages.map(stage => (typeof stage === 'function' ? stage.name : (stage.text ?? stage.name))),
    ...(pipeline !== undefined && { pipeline }),
    settings: { source: settingsOf(options.source), target: settingsOf(options.target) },
    named: { collections: options.collections ?? null, rename: options.rename ?? {} }
  }
}

/**
 * Compare a run that is about to begin with its plan.
 *
 * @param report of the run, before it reads
 * @param areKnown whether the run knows its collections before it reads
 * @throws {DocferryError} DOCFERRY_PLAN, naming every difference
 */
export function checkPlan(plan: Plan, report: Readonly<RunReport>, options: PlanOptions, areKnown: boolean): void {
  const differences = differencesOf(plan.options, plannedOptions(report, options), { word: 'planned', areKnown })
  if (differences.length > 0)
    throw new DocferryError('DOCFERRY_PLAN', `this run is not what the plan of ${plan.madeAt} says: ${differences.join('; ')}`)
}

/** Compare a run that is to go on with what it was asked when it began. @throws {DocferryError} DOCFERRY_RUN_UNFIT */
export function checkRecord(record: RunRecord, report: Readonly<RunReport>, options: PlanOptions, areKnown: boolean): void {
  const asked = record.asked as PlannedOptions
  const differences = differencesOf(asked, plannedOptions(report, options), { word: 'was', areKnown })
  const { undo = asked.undo } = options
  if (undo !== asked.undo) differences.push(`undo: was ${asked.undo ?? 'none'}, now ${undo}`)
  if (differences.length > 0)
    throw new DocferryError(
      'DOCFERRY_RUN_UNFIT',
      `the run ${record.runId} was asked something else when it began (${differences.join('; ')}): give it that again, or begin a new run`
    )
}

function differencesOf(
  planned: PlannedOptions,
  now: PlannedOptions,
  { word, areKnown }: { readonly word: string; readonly areKnown: boolean }
): string[] {
  const differences: string[] = []
  const differ = (what: string, before: unknown, after: unknown): void =>
    void differences.push(`${what}: ${word} ${shown(before)}, now ${shown(after)}`)
  const compare = (what: string, before: unknown, after: unknown): void => {
    if (JSON.stringify(before) !== JSON.stringify(after)) differ(what, before, after)
  }
  for (const end of ['source', 'target'] as const) {
    const [before, after] = [planned[end], now[end]]
    if (before.identity === after.identity && before.provider === after.provider) continue
    // Two stores in memory have the same address.
    const isAlike = placeOf(before) === placeOf(after)
    differ(end, placeOf(before), isAlike ? 'another of this address' : placeOf(after))
  }
  if (areKnown) compare('collections', sorted(planned.collections), sorted(now.collections))
  else compareNamed(planned, now, compare)
  for (const end of ['source', 'target'] as const) compare(`settings of the ${end}`, planned.settings[end], now.settings[end])
  for (const name of [
    'preset',
    'onConflict',
    'onIncompatible',
    'types',
    'includeDesign',
    'keepMetadata',
    'attachments',
    'includeSecurity',
    'stages'
  ] as const) {
    compare(flagOf(name), planned[name], now[name])
  }
  compare(flagOf('subcollections'), planned.subcollections ?? false, now.subcollections ?? false)
  return differences
}

/** Where only reading tells which collections there are: what was asked for must come to the same. */
function compareNamed(
  planned: PlannedOptions,
  now: PlannedOptions,
  compare: (what: string, before: unknown, after: unknown) => void
): void {
  const { collections, rename } = now.named
  const asked = (names: readonly string[] | null): string[] => [...(names ?? planned.collections.map(([name]) => name))].sort()
  compare('collections', asked(planned.named.collections), asked(collections))
  const renamed = planned.collections.map(([name]) => [name, rename[name] ?? name] as const)
  compare('names in the target', sorted(planned.collections), sorted(renamed))
}

function placeOf({ provider, address }: Location): string {
  return `${provider} ${address}`
}

function flagOf(name: string): string {
  return `--${name === 'stages' ? 'stage' : name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`
}

function sorted(collections: readonly (readonly [string, string])[]): string[] {
  return collections.map(([source, target]) => (source === target ? source : `${source} -> ${target}`)).sort()
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(', ')
  return value === undefined || value === '' ? 'none' : String(value)
}
