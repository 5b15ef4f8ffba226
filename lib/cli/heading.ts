/** What is going to happen, said before it does: above all where each end really is. */
import type { OnConflict, OnIncompatible, Types } from '../types.ts'
import type { RunReport } from '../report.ts'
import { fit, formatCount, plainStyle, plural, safe } from './text.ts'
import type { Style } from './text.ts'

/** Collections that are named one by one; of more, the rest is counted. */
const mostNamed = 12

const conflictTexts: Readonly<Record<OnConflict, string>> = {
  skip: 'what the target holds already stays as it is (--on-conflict skip)',
  overwrite: 'what the target holds already is overwritten (--on-conflict overwrite)',
  fail: 'a document that the target holds already is a failure (--on-conflict fail)'
}

const typeTexts: Readonly<Record<Exclude<Types, 'natural'>, string>> = {
  exact: 'numbers that the target would make another kind of (1.0 as 1) go into envelopes too',
  plain: 'no envelopes: dates, bytes and the like are written as text'
}

const incompatibleTexts: Readonly<Record<Exclude<OnIncompatible, 'dead-letter'>, string>> = {
  escape: 'ids and field names that the target refuses are escaped, reversibly',
  fail: 'the run ends at the first document that the target cannot hold'
}

/** Between two of CouchDB's kind. */
const replicateHint =
  '  note  docferry replicate lets the servers copy by themselves, with what a copy does not keep: revision histories, deletions, and attachments without --attachments'

export function headingLines(
  command: string,
  report: Readonly<RunReport>,
  options: { readonly columns?: number; readonly style?: Style } = {}
): string[] {
  const { columns = Infinity, style = plainStyle } = options
  const { source, target } = report
  const providerWidth = Math.max(source.provider.length, target.provider.length)
  const end = (label: string, { provider, address }: RunReport['source']): string =>
    fit(`  ${label}  ${provider.padEnd(providerWidth)}  ${safe(address)}`, columns)
  return [
    style.bold(`docferry ${command}`),
    end('from', source),
    end('to  ', target),
    ...collectionLines(report, columns),
    ...(target.provider === 'file' ? [] : [`  mode  ${conflictTexts[report.onConflict]}`]),
    ...(report.types === 'natural' ? [] : [`  types ${typeTexts[report.types]} (--types ${report.types})`]),
    ...(report.onIncompatible === 'dead-letter'
      ? []
      : [`  names ${incompatibleTexts[report.onIncompatible]} (--on-incompatible ${report.onIncompatible})`]),
    ...(command === 'migrate' && source.provider === 'couchdb' && target.provider === 'couchdb' ? [replicateHint] : []),
    ...(report.piped && !report.dryRun ? ['  note  what goes down a pipe can not be gone on with: if this stops, begin again'] : []),
    ...(report.readsOnce && !report.piped && !report.dryRun
      ? [`  note  ${source.address} can not be gone on with: if this stops, begin again`]
      : []),
    ...(report.dryRun ? [style.yellow('  dry run: everything is read and checked, nothing is written')] : []),
    ''
  ]
}

function collectionLines({ source, collections }: Readonly<RunReport>, columns: number): string[] {
  if (collections.length === 0)
    return [`  what  ${source.provider === 'file' ? 'whatever it holds: only reading tells' : 'nothing: the source holds no collections'}`]
  const known = collections.filter(({ expected }) => expected !== undefined)
  const estimate = known.reduce((sum, { expected = 0 }) => sum + expected, 0)
  const about =
    known.length === 0 ? '' : `, about ${plural(estimate, 'document')}${known.length < collections.length ? ' in those that can tell' : ''}`
  const names = collections.slice(0, mostNamed).map(({ source, target, expected }) => {
    const name = safe(source === target ? source : `${source} -> ${target}`)
    return expected === undefined ? name : `${name} ${formatCount(expected)}`
  })
  const rest = collections.length - names.length
  const listed = names.join(', ') + (rest > 0 ? ` and ${formatCount(rest)} more` : '')
  const contents = collections.flatMap(({ source, contents: held }) => (held === undefined ? [] : [`${safe(source)}: ${safe(held)}`]))
  return [
    `  what  ${plural(collections.length, 'collection')}${about}`,
    fit(`        ${listed}`, Math.max(columns, 60)),
    ...contents.slice(0, mostNamed).map(text => fit(`        ${text}`, Math.max(columns, 60)))
  ]
}
