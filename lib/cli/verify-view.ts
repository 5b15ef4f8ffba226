/** What verifying shows: report in, lines of text or plain JSON out. */
import { differencesOf, missingReasonOf, mostExamples, totalVerifyCounts } from '../verify/report.ts'
import type { Difference, VerifyCollection, VerifyCounts, VerifyReport } from '../verify/report.ts'
import { errorJson } from './exit.ts'
import { timesOf } from './json.ts'
import type { Outcome } from './json.ts'
import { fit, formatCount, formatDuration, indentedLines, padEnd, padStart, plainStyle, plural, safe } from './text.ts'
import type { Style, View } from './text.ts'

const titles = {
  sourceDocuments: 'source',
  targetDocuments: 'target',
  equal: 'equal',
  sameNumber: 'same number',
  missing: 'missing',
  extra: 'extra',
  beside: 'beside',
  different: 'different',
  repeated: 'repeated',
  changing: 'changing',
  unreadable: 'unreadable',
  deadLetters: 'dead letters',
  unproven: 'unproven',
  changedMeanwhile: 'changed meanwhile'
} as const satisfies Record<keyof VerifyCounts, string>

const keys = Object.keys(titles) as (keyof VerifyCounts)[]
/** Shown also where all of them are 0. */
const always: readonly (keyof VerifyCounts)[] = ['sourceDocuments', 'targetDocuments']

/** Most collections in the table; those that differ come first. */
const mostRows = 50

export function verifyHeading(report: Readonly<VerifyReport>, { columns = Infinity, style = plainStyle }: View): string[] {
  const { source, target, runId, against, mode, sample = 0 } = report
  return [
    style.bold('docferry verify'),
    ...(runId === undefined ? [] : [`  run     ${runId}`]),
    ...(source ? [fit(`  source  ${source.provider} ${safe(source.address)}`, columns)] : []),
    fit(`  target  ${target.provider} ${safe(target.address)}`, columns),
    ...(against === 'source'
      ? []
      : [`  by      its receipt${against === 'receipt' ? '' : '; the source is read where something differs'}`]),
    ...(mode === 'quick' ? ['  quick   the numbers of documents alone'] : []),
    ...(mode === 'sample' ? [`  sample  ${percent(sample)} of the documents`] : []),
    ''
  ]
}

export function verifyProgress(report: Readonly<VerifyReport>, nowMs: number): string {
  const { collections, against, phase, startedAt, retries } = report
  const { sourceDocuments, targetDocuments } = totalVerifyCounts(collections)
  const isRead = phase !== 'reading'
  return [
    against === 'source' ? `${formatCount(sourceDocuments)}${of(collections, 'source', isRead)} documents of the source` : '',
    `${formatCount(targetDocuments)}${of(collections, 'target', isRead)} of the target`,
    isRead ? 'looking again at what differs' : '',
    plural(retries, 'retry', 'retries'),
    formatDuration(Math.floor((nowMs - startedAt) / 1000) * 1000 || nowMs - startedAt)
  ]
    .filter(part => part !== '')
    .join(', ')
}

function of(collections: readonly VerifyCollection[], side: 'source' | 'target', isRead: boolean): string {
  if (isRead || !collections.every(({ expected }) => expected[side] !== undefined)) return ''
  const expected = collections.reduce((sum, collection) => sum + collection.expected[side]!, 0)
  const seen = totalVerifyCounts(collections)[`${side}Documents`]
  return expected > seen ? ` of ${formatCount(expected)}` : ''
}

export function verifySummary(report: Readonly<VerifyReport>, view: View): string[] {
  const { columns = Infinity, style = plainStyle } = view
  const { damaged, notes, differences } = report
  return [
    ...table(report, columns, style),
    '',
    ...report.collections.flatMap(collection => exampleLines(collection, columns)),
    ...(damaged === undefined ? [] : indentedLines(safe(`the target is damaged: ${damaged}`), '- ', columns)),
    ...notes.flatMap(text => indentedLines(safe(text), '- ', columns)),
    ...(differences === undefined ? [] : [`All differences: ${safe(differences)}`]),
    verdict(report, view)
  ].filter((line, index, lines) => line !== '' || lines[index - 1] !== '')
}

function table({ collections, against, mode }: Readonly<VerifyReport>, columns: number, style: Style): string[] {
  const total = totalVerifyCounts(collections)
  const shown = keys.filter(key => always.includes(key) || key === (mode === 'quick' ? 'sameNumber' : 'equal') || total[key] > 0)
  const ordered = [...collections].sort((a, b) => Number(b.state === 'different') - Number(a.state === 'different'))
  const rows = (collections.length > mostRows ? ordered.slice(0, mostRows) : collections).map(collection => ({
    name: safe(collection.source === collection.target ? collection.source : `${collection.source} -> ${collection.target}`),
    counts: collection as VerifyCounts,
    isDifferent: collection.state === 'different'
  }))
  if (collections.length > 1) rows.push({ name: `total of ${formatCount(collections.length)}`, counts: total, isDifferent: false })
  const titleOf = (key: keyof VerifyCounts): string => (key === 'sourceDocuments' && against !== 'source' ? 'receipt' : titles[key])
  const widths = shown.map(key => Math.max(titleOf(key).length, formatCount(total[key]).length))
  const nameWidth = Math.min(
    Math.max(10, ...rows.map(({ name }) => name.length)),
    Math.max(10, columns - widths.reduce((a, b) => a + b + 2, 0))
  )
  const line = (name: string, cells: readonly string[]): string =>
    padEnd(fit(name, nameWidth), nameWidth) + cells.map((cell, index) => `  ${padStart(cell, widths[index]!)}`).join('')
  return [
    style.dim(line('collection', shown.map(titleOf))),
    ...rows.map(({ name, counts, isDifferent }) => {
      const text = line(
        name,
        shown.map(key => formatCount(counts[key]))
      )
      return isDifferent ? style.yellow(text) : text
    })
  ]
}

function exampleLines(collection: VerifyCollection, columns: number): string[] {
  const { target, examples, isMissing, missing, suspects, deadLetters, unproven } = collection
  if (isMissing && missing > 0) return indentedLines(safe(`${target}: ${missingReasonOf(collection)}`), '- ', columns)
  const named = suspects ?? differencesOf(collection) - deadLetters - unproven
  const more = named - examples.length
  return [
    ...examples.flatMap(example => [
      ...indentedLines(safe(exampleText(example)), '- ', columns),
      ...(example.values ?? []).flatMap(({ path, source = 'nothing', target: held = 'nothing' }) =>
        indentedLines(safe(`${path}: ${source} in the source, ${held} in the target`), '    ', columns)
      )
    ]),
    ...(more > 0 && examples.length === mostExamples ? [`- ${safe(target)}: and ${formatCount(more)} more`] : [])
  ]
}

function exampleText({ collection, id, kind, paths, reason, side, where, times }: Difference): string {
  const name = id === undefined ? '' : ` ${id.trim() === '' ? `"${id}"` : id}`
  const details = [
    paths === undefined || paths.length === 0 ? '' : paths.join(', '),
    times === undefined ? '' : `${formatCount(times)} times in the target`,
    side === undefined ? '' : `in the ${side}`,
    where ?? '',
    reason ?? ''
  ].filter(text => text !== '')
  return `${collection}: ${kind}${name}${details.length > 0 ? ` (${details.join('; ')})` : ''}`
}

function verdict(report: Readonly<VerifyReport>, { nowMs, style = plainStyle }: View): string {
  const { collections, state, securityDiffers, damaged } = report
  const took = formatDuration((report.finishedAt ?? nowMs) - report.startedAt)
  if (state === 'equal') return style.green(equalText(report, took))
  if (state === 'different') return style.yellow(differentText(report, took))
  const paint = state === 'interrupted' ? style.yellow : style.red
  const isCompared = collections.length > 0 && collections.every(each => each.state === 'equal' || each.state === 'different')
  if (!isCompared) return paint(`${state === 'interrupted' ? 'Interrupted' : 'Failed'} after ${took}${stoppedText(collections)}`)
  const isDifferent = collections.some(each => each.state === 'different') || damaged !== undefined || securityDiffers !== undefined
  return paint(
    `${isDifferent ? differentText(report, took) : equalText(report, took)} The list of differences is not whole, and was not kept.`
  )
}

/** What was named until then differs, and there may be more. */
function stoppedText(collections: readonly VerifyCollection[]): string {
  const total = totalVerifyCounts(collections)
  const known = differencesOf(total) - total.unproven - total.deadLetters
  return known === 0 ? '; nothing can be said.' : `, before all was compared: at least ${plural(known, 'difference')}.`
}

function equalText(report: Readonly<VerifyReport>, took: string): string {
  const { targetDocuments, beside } = totalVerifyCounts(report.collections)
  return `Equal: ${shareOf(report)}${plural(targetDocuments - beside, 'document')}${howOf(report)}, in ${took}.`
}

function differentText(report: Readonly<VerifyReport>, took: string): string {
  const { collections, damaged, securityDiffers } = report
  const total = totalVerifyCounts(collections)
  const documents = collections.reduce((sum, collection) => sum + comparedIn(collection), 0)
  const found = foundIn(report, total)
  const isOnlySecurity = differencesOf(total) === 0 && securityDiffers !== undefined
  const where = documents === 0 || isOnlySecurity ? '' : ` in ${shareOf(report)}${plural(documents, 'document')}`
  if (found === '' && damaged !== undefined)
    return `Different: the target is damaged${documents === 0 ? '' : `; no difference${where}`}${howOf(report)}, in ${took}.`
  return `Different: ${found === '' ? 'not as many documents' : found}${where}${howOf(report)}, in ${took}.`
}

function shareOf({ mode, sample = 0 }: Readonly<VerifyReport>): string {
  return mode === 'sample' ? `${percent(sample)} of ` : ''
}

function howOf({ mode, collections }: Readonly<VerifyReport>): string {
  const { beside } = totalVerifyCounts(collections)
  return `${mode === 'quick' ? ', by their number alone' : ''}${beside > 0 ? `, beside ${formatCount(beside)} that only the target holds` : ''}`
}

/** What is not proven may be right. */
function foundIn({ collections, securityDiffers = [] }: Readonly<VerifyReport>, total: VerifyCounts): string {
  const isLeast = collections.some(({ suspects }) => suspects !== undefined)
  const known = differencesOf(total) - total.unproven - total.deadLetters
  const differences = known === 0 ? '' : `${isLeast ? 'at least ' : ''}${plural(known, 'difference')}`
  const letters = total.deadLetters === 0 ? '' : `${plural(total.deadLetters, 'dead letter')} of the run`
  const isFirst = known + total.deadLetters === 0
  const unproven = total.unproven === 0 ? '' : `${formatCount(total.unproven)} ${isFirst ? '' : 'that '}can't be proven`
  const security = securityDiffers.length === 0 ? '' : `another _security in ${plural(securityDiffers.length, 'collection')}`
  return [differences, letters, unproven, security].filter(part => part !== '').join(', and ')
}

/** Of the side that holds more: there is always one in which a difference can be. */
function comparedIn({ sourceDocuments, deadLetters, targetDocuments, beside }: VerifyCounts): number {
  return Math.max(sourceDocuments + deadLetters, targetDocuments - beside)
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(3))}%`
}

export function verifyJson({ exitCode, report, error, mask, nowMs }: Outcome<VerifyReport>): object {
  const failure = error === undefined ? {} : { error: errorJson(error, mask) }
  if (!report) return { command: 'verify', state: 'failed', exitCode, ...failure }
  const { startedAt, finishedAt = nowMs, notes, ...rest } = report
  return {
    command: 'verify',
    ...rest,
    notes: notes.map(mask),
    exitCode,
    ...failure,
    ...timesOf(startedAt, finishedAt),
    totals: totalVerifyCounts(report.collections)
  }
}
