/** A plan as lines of text: what each collection is, and what moving all of it would take. */
import type { Cost } from '../plan/estimate.ts'
import type { Estimate, EstimatedUsage, Plan, PlannedCollection } from '../plan/plan.ts'
import type { CollectionSurvey, ConversionGroup, RunReport, SampleSize } from '../report.ts'
import type { Conversion } from '../types.ts'
import { formatBytes, formatCount, formatDuration, formatRate, indentedLines, padEnd, plainStyle, plural, safe } from './text.ts'
import type { Style } from './text.ts'

interface PlanView {
  readonly columns?: number | undefined
  readonly style?: Style
}

/** Of more collections, those with trouble and then the largest are shown; `--json` and `--save` have them all. */
const mostCollections = 20

/** Most kinds of values that are named when nothing happens to them. */
const mostKinds = 6

/** What is lost first. */
const conversionOrder: readonly Conversion[] = ['lossy', 'enveloped', 'escaped', 'merged']

const meanings: Readonly<Record<Conversion, string>> = {
  lossy: 'turned into something else for good, such as a date into text',
  enveloped: 'put in an envelope, which docferry reads back exactly',
  escaped: 'escaped, which docferry reads back exactly',
  merged: 'written as an equal number of another kind (1.0 as 1)'
}

/** How values were converted, over all collections, one line for each way. */
export function conversionNotes({ collections, dryRun }: Readonly<RunReport>): string[] {
  const groups = collections.flatMap(({ conversions }) => conversions)
  const told = conversionOrder.filter(conversion => dryRun || conversion !== 'merged')
  return told.flatMap(conversion => {
    const kinds = new Map<string, number>()
    for (const group of groups) if (group.conversion === conversion) kinds.set(group.kind, (kinds.get(group.kind) ?? 0) + group.count)
    if (kinds.size === 0) return []
    const sum = [...kinds.values()].reduce((total, count) => total + count, 0)
    const parts = [...kinds].map(([kind, count]) => (kinds.size === 1 ? pluralOf(kind) : countOf(kind, count)))
    return [`${plural(sum, 'value')} ${dryRun ? 'would be ' : ''}${meanings[conversion]}: ${parts.join(', ')}`]
  })
}

/** A block for each collection. */
export function planDetails(plan: Plan, { columns, style = plainStyle }: PlanView): string[] {
  const collections = [...plan.collections]
  const shown = collections.length <= mostCollections ? collections : collections.sort(byTrouble).slice(0, mostCollections)
  const rest = collections.length - shown.length
  return [
    '',
    ...shown.flatMap(collection => [style.bold(safe(nameOf(collection))), ...details(collection, columns, style)]),
    ...(rest > 0 ? [`and ${plural(rest, 'more collection')}: --json and --save have them all`] : [])
  ]
}

function byTrouble(a: PlannedCollection, b: PlannedCollection): number {
  return b.failed - a.failed || b.conversions.length - a.conversions.length || b.read - a.read
}

function nameOf({ source, target }: PlannedCollection): string {
  return source === target ? source : `${source} -> ${target}`
}

function details(collection: PlannedCollection, columns: number | undefined, style: Style): string[] {
  const { survey, read } = collection
  if (!survey) return []
  const { bytes, writing, sample } = survey
  const line = (label: string, text: string): string[] => indentedLines(text, margin(label), columns)
  const sizes = `${formatBytes(bytes.total)}; a document ${formatBytes(bytes.median)} (median), ${formatBytes(bytes.p99)} (99th percentile), ${formatBytes(bytes.largest)} (largest: ${name(bytes.largestId)})`
  return [
    ...(sample ? line('sample', sampleText(sample)) : []),
    ...line('target', heldText(collection, survey)),
    ...(bytes.total > 0 ? line('size', sizes) : []),
    ...(read > 0 ? valueLines(collection, survey, { columns, style }) : []),
    ...(writing ? line('writing', usageText(writing)) : [])
  ]
}

function margin(label = ''): string {
  return `  ${padEnd(label, 9)} `
}

function sampleText({ passed, of, exact, quick }: SampleSize): string {
  const whole = `${formatCount(passed)} of ${exact ? '' : 'about '}${plural(of, 'document')} looked at`
  if (passed === of) return whole
  return `${whole}; the others were ${quick ? 'not read' : 'read, but only to choose and count'}`
}

function heldText({ created, skipped, failures }: PlannedCollection, { held, replaced }: CollectionSurvey): string {
  if (created) return 'would be created'
  if (held === 0) return 'there, empty'
  const holds = held === undefined ? 'holds documents' : `holds ${plural(held, 'document')}`
  const conflicts = failures.find(({ code }) => code === 'DOCFERRY_CONFLICT')?.count ?? 0
  if (conflicts > 0) return `${holds}; ${plural(conflicts, 'document')} would fail for it (--on-conflict fail)`
  if (skipped > 0) return `${holds}; ${plural(skipped, 'document')} would be skipped for it`
  return replaced > 0 ? `${holds}; ${formatCount(replaced)} of them would be replaced` : holds
}

/** First the values that the target holds as they are, then those that it does not, by what becomes of them. */
function valueLines({ conversions }: PlannedCollection, { values }: CollectionSurvey, { columns, style = plainStyle }: PlanView): string[] {
  const exact = exactText(values, conversions)
  const blocks = conversionOrder.flatMap(conversion => {
    const groups = conversions.filter(group => group.conversion === conversion)
    const lines = conversionLines(groups, meanings[conversion], { label: conversion, columns })
    return conversion === 'lossy' ? lines.map(style.yellow) : lines
  })
  return [...(exact === '' ? [] : indentedLines(exact, margin('values'), columns)), ...blocks]
}

function conversionLines(
  groups: readonly ConversionGroup[],
  meaning: string,
  { label, columns }: { readonly label: string; readonly columns: number | undefined }
): string[] {
  const [first, ...more] = groups
  if (!first) return []
  if (more.length === 0) return indentedLines(`${countOf(first.kind, first.count)} ${meaning}${placesOf(first)}`, margin(label), columns)
  const sum = groups.reduce((total, { count }) => total + count, 0)
  const what = label === 'escaped' ? 'name' : 'value'
  return [
    ...indentedLines(`${plural(sum, what)} ${meaning}`, margin(label), columns),
    ...[...groups]
      .sort((a, b) => b.count - a.count)
      .flatMap(group => indentedLines(`${countOf(group.kind, group.count)}${placesOf(group)}`, `${margin()}- `, columns))
  ]
}

/** Values that the target holds as they are, by kind. */
function exactText(values: CollectionSurvey['values'], conversions: readonly ConversionGroup[]): string {
  const kinds = Object.entries(values).flatMap(([kind, count]): [string, number][] => {
    const converted = conversions.filter(group => group.kind === kind).reduce((sum, group) => sum + group.count, 0)
    return count > converted ? [[kind, count - converted]] : []
  })
  if (kinds.length === 0) return ''
  const sum = kinds.reduce((total, [, count]) => total + count, 0)
  const listed = kinds.sort(([, a], [, b]) => b - a).slice(0, mostKinds)
  const more = kinds.length > mostKinds ? ', ...' : ''
  return `${formatCount(sum)} exact: ${listed.map(([kind, count]) => countOf(kind, count)).join(', ')}${more}`
}

function placesOf({ count, examples }: ConversionGroup): string {
  if (examples.length === 0) return ''
  const byPath = new Map<string, string[]>()
  for (const { id, path } of examples) byPath.set(path, [...(byPath.get(path) ?? []), name(id)])
  const places = [...byPath].map(([path, ids]) => (path === '_id' ? ids.join(', ') : `${name(path)} in ${ids.join(', ')}`))
  return `: ${places.join('; ')}${count > examples.length ? ', ...' : ''}`
}

/** An id or a path, also one that would not be seen. */
function name(text: string): string {
  return text.trim() === '' ? `"${safe(text)}"` : safe(text)
}

const kindNames: Readonly<Record<string, readonly [string, string]>> = {
  bytes: ['byte string', 'byte strings'],
  geoPoint: ['point', 'points'],
  name: ['field name', 'field names']
}

function countOf(kind: string, count: number): string {
  return plural(count, ...(kindNames[kind] ?? ([kind, `${kind}s`] as const)))
}

function pluralOf(kind: string): string {
  return kindNames[kind]?.[1] ?? `${kind}s`
}

/** What moving everything would take. */
export function estimateLines(plan: Plan, { columns, style = plainStyle }: PlanView): string[] {
  const { estimate, sample, options } = plan
  const {
    documents,
    written,
    failed,
    bytes,
    reading,
    writing,
    readingCost,
    writingCost,
    storageCost,
    perSecond,
    seconds,
    measuredPerSecond
  } = estimate
  const line = (label: string, text: string): string[] => indentedLines(text, margin(label), columns)
  const isPart = sample !== undefined
  const about = isPart ? 'about ' : ''
  const { provider } = options.target
  const beside = provider === 'firestore' ? ', its indexes not counted' : provider === 'dynamodb' ? ' and 100 bytes for each document' : ''
  return [
    '',
    style.bold(isPart ? 'All of it, reckoned from the sample' : 'All of it'),
    ...line(
      'documents',
      `${about}${formatCount(documents)} to read, ${about}${formatCount(written)} to write, ${formatBytes(bytes)}${failed > 0 ? `; ${about}${formatCount(failed)} would fail` : ''}`
    ),
    ...(reading ? line('reading', `${usageText(reading, isPart)}${costText(readingCost)}`) : []),
    ...(writing ? line('writing', `${usageText(writing, isPart)}${costText(writingCost)}${refusedText(plan)}`) : []),
    ...(storageCost && bytes > 0 ? line('storage', `${formatBytes(bytes)}${beside}${costText(storageCost)} a month`) : []),
    ...line(
      'time',
      `${formatDuration(seconds * 1000)} at ${formatRate(perSecond)} (--rate gives another); this plan read ${formatRate(measuredPerSecond)}`
    ),
    ...(readingCost || writingCost || storageCost ? line('prices', pricesText(estimate)) : []),
    ...(endsEarly(plan) ? line('but', 'the run would end at the first document that does not fit (--on-incompatible fail)') : [])
  ]
}

/** A write whose condition fails is billed like one that succeeds. */
function refusedText({ options: { target, onConflict }, totals, collections }: Plan): string {
  const conflicts = collections.some(({ failures }) => failures.some(({ code }) => code === 'DOCFERRY_CONFLICT'))
  if (target.provider !== 'dynamodb' || onConflict === 'overwrite' || (totals.skipped === 0 && !conflicts)) return ''
  return '; the look whether a document is there costs as much as writing it'
}

/** Failures that a run does not end at, whatever it is told to do about documents that don't fit. */
const alwaysGoesOn: readonly string[] = ['DOCFERRY_BAD_DOCUMENT', 'DOCFERRY_DELETED', 'DOCFERRY_CONFLICT']

function endsEarly({ options, collections }: Plan): boolean {
  if (options.onIncompatible !== 'fail') return false
  return collections.some(({ failures }) => failures.some(({ code }) => !alwaysGoesOn.includes(code)))
}

/** @param isPart of a sample: scaled up */
function usageText({ requests, readUnits, writeUnits, documentReads, documentWrites }: EstimatedUsage, isPart = false): string {
  const parts: [number | undefined, string][] = [
    [requests, 'request'],
    [readUnits, 'read unit'],
    [writeUnits, 'write unit'],
    [documentReads, 'document read'],
    [documentWrites, 'document write']
  ]
  const counts = parts.flatMap(([count, unit]) => (count === undefined ? [] : [plural(Math.ceil(count), unit)]))
  return counts.map(count => (isPart ? `about ${count}` : count)).join(', ')
}

function costText(cost: Cost | undefined): string {
  return cost ? `: ${money(cost.amount, cost.currency)}` : ''
}

/** No more figures than an estimate deserves. */
function money(amount: number, currency: string): string {
  if (amount === 0) return `0 ${currency}`
  if (amount < 0.01) return `less than 0.01 ${currency}`
  return `${amount >= 100 ? formatCount(amount) : amount.toFixed(2)} ${currency}`
}

function pricesText({ prices: { date, places } }: Estimate): string {
  const from = /^\d{4}-\d\d-\d\d$/.test(date) ? `list prices of ${date}` : safe(date)
  return `${from}, ${places.map(safe).join(', ')}, other places cost more or less, on demand, without free tiers and taxes (--prices gives your own)`
}
