/** What a dry run finds, as points of the list. */
import type { ChosenCollection } from '../plan/choose-collections.ts'
import { scaleOf } from '../plan/plan.ts'
import type { Plan } from '../plan/plan.ts'
import { planMigration } from '../planner.ts'
import { isSavedAtEnd } from '../report.ts'
import type { FailureGroup } from '../report.ts'
import { listed } from './checklist.ts'
import type { Checklist, Found } from './checklist.ts'
import { megabytes } from './machine.ts'
import type { CheckOptions } from './options.ts'
import { formatCount } from '../values/format-count.ts'

/** Of so many documents, whatever their number, the dry run of a checklist is made. */
const tried = 10_000
const leastShare = 0.001

/**
 * The share that is tried; undefined for all.
 *
 * @param isFile whether the source is one: all of it is read in any case
 */
export function shareFor(
  chosen: readonly ChosenCollection[] | null,
  { sample, full }: Pick<CheckOptions, 'sample' | 'full'>,
  isFile = false
): number | undefined {
  if (full) return undefined
  if (sample !== undefined) return sample === 1 ? undefined : sample
  const documents = chosen?.reduce((sum, each) => sum + (each.documents ?? Infinity), 0) ?? Infinity
  if (isFile || documents <= tried) return undefined
  return documents === Infinity ? 0.01 : Math.max(leastShare, tried / documents)
}

/** @returns undefined where it can't be made */
export async function planFindings(
  options: CheckOptions,
  list: Checklist,
  chosen: readonly ChosenCollection[] | null
): Promise<Plan | undefined> {
  const { phase: _phase, full: _full, quick: _quick, run: _run, observe: _observe, ...rest } = options
  const { backupAgeMs: _age, probeWrite: _probe, watchMs: _watch, environmentFile: _file, source, target, ...run } = rest
  const sample = shareFor(chosen, options, list.report.source && isSavedAtEnd(list.report.source))
  const plan = await list.look('plan.fits', 'every document fits into the target', async () => {
    const made = await planMigration({ ...run, sample, source: source!, target: target! })
    return [fitsFound(made), made]
  })
  if (!plan) return undefined
  list.add('plan.values', 'every value comes through', valuesFound(plan))
  list.add('plan.size', 'how much it is', { detail: sizeOf(plan) })
  for (const collection of plan.collections) {
    const { source: name, target: to, read } = collection
    let row = list.report.collections.find(each => each.source === name)
    if (!row) list.report.collections.push((row = { source: name, target: to }))
    row.sourceDocuments ??= Math.round(read * scaleOf(collection))
  }
  list.note(plan.notes)
  return plan
}

function fitsFound({ totals, collections, sample }: Plan): Found {
  const { read, failed, skipped } = totals
  const looked = `${sample === undefined ? 'all' : 'a sample of'} ${formatCount(read)} documents tried`
  if (failed === 0) return { detail: `${looked}${skipped > 0 ? `; ${formatCount(skipped)} of them the target holds already` : ''}` }
  const groups = collections.flatMap(({ source, failures }) => failures.map(failure => ({ source, failure })))
  const detail = listed(
    groups.map(({ source, failure }) => `${source}: ${failureText(failure)}`),
    5,
    '; '
  )
  // Said where an id is refused that may be a path.
  const isPath = groups.some(({ failure }) => failure.message.includes('--subcollections'))
  return {
    result: 'failed',
    code: 'DOCFERRY_DEAD_LETTERS',
    detail: `${formatCount(failed)} of ${looked} would not: ${detail}`,
    advice: `docferry plan --refused FILE lists them; ${isPath ? '--subcollections takes ids that are paths, ' : ''}--on-incompatible escape takes names that the target refuses, --stage makes documents smaller`
  }
}

function failureText({ count: times, message, examples }: FailureGroup): string {
  return `${formatCount(times)} x ${message} (${listed(examples, 3)})`
}

function valuesFound({ collections, options: { types } }: Plan): Found {
  const counts = new Map<string, number>()
  const lossy = new Map<string, number>()
  for (const { conversions } of collections) {
    for (const { kind, conversion, count: times } of conversions) {
      const into = conversion === 'lossy' ? lossy : counts
      const words = { merged: `${kind} as an equal number`, enveloped: `${kind} in an envelope`, escaped: `${kind} escaped`, lossy: kind }
      into.set(words[conversion], (into.get(words[conversion]) ?? 0) + times)
    }
  }
  const told = (from: ReadonlyMap<string, number>): string => listed([...from].map(([what, times]) => `${formatCount(times)} x ${what}`))
  if (lossy.size > 0)
    return {
      result: 'warning',
      detail: `${told(lossy)} lose their type for good`,
      ...(types === 'plain' && { advice: '--types natural keeps them in envelopes' })
    }
  return { detail: counts.size === 0 ? 'as it is' : `${told(counts)}; docferry reads them back as they were, numbers as equal ones` }
}

function sizeOf({ estimate: { documents, written, bytes, perSecond, seconds, readingCost, writingCost }, sample }: Plan): string {
  const amount = (readingCost?.amount ?? 0) + (writingCost?.amount ?? 0)
  const currency = readingCost?.currency ?? writingCost?.currency
  const minutes = seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} minutes`
  const cost = currency === undefined ? '' : `, ${amount < 0.01 ? 'less than 0.01' : `about ${amount.toFixed(2)}`} ${currency}`
  const about = sample === undefined ? '' : 'about '
  // The bytes are those of what is to be written.
  const many =
    written === documents
      ? `${formatCount(documents)} documents`
      : `${formatCount(written)} of ${formatCount(documents)} documents to be written`
  return `${about}${many}, ${megabytes(bytes)}, ${minutes} at ${formatCount(perSecond)} documents a second${cost}`
}
