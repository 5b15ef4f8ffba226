/** Flags that several commands share, and the readers of their values. */
import { InvalidArgumentError, Option } from 'commander'
import type { Command } from 'commander'
import { presetNames, presets } from '../config/presets.ts'
import type { PresetName } from '../config/presets.ts'
import { didYouMean } from '../config/suggest.ts'
import { DocferryError } from '../errors.ts'
import { logLevels } from '../log.ts'
import { mostWorkers } from '../plan/check-options.ts'
import type { MigrateOptions } from '../options.ts'
import type { FailureLimit } from '../report.ts'
import { onConflicts, onIncompatibles, typeModes } from '../types.ts'
import type { OnConflict, OnIncompatible, Types } from '../types.ts'
import type { CommonFlags, Job } from './execute.ts'

/** The flags of the data path, as commander hands them over. */
export interface RunFlags extends CommonFlags {
  readonly collections?: readonly string[]
  readonly preset?: PresetName
  readonly rename?: Readonly<Record<string, string>>
  readonly onConflict?: OnConflict
  readonly onIncompatible?: OnIncompatible
  readonly types?: Types
  readonly stage?: readonly string[]
  readonly includeDesign?: boolean
  readonly attachments?: boolean
  readonly includeSecurity?: boolean
  readonly keepMetadata?: boolean
  readonly subcollections?: boolean
  readonly parallel?: number
  readonly workers?: number | 'auto'
  readonly maxRate?: number
  readonly maxWcu?: number
  readonly maxRcu?: number
  readonly maxRetries?: number
  readonly maxFailures?: FailureLimit
  readonly dryRun?: boolean
  readonly undoable?: boolean
  /** False where nothing is to be kept. */
  readonly undo?: boolean
  readonly stateDir?: string
}

/** Those that can be written. */
export const fileFormats = ['ndjson', 'json', 'folder', 'dynamodb-json'] as const
export const inputFormats = [...fileFormats, 'couchbackup'] as const
export type FileFormatName = (typeof inputFormats)[number]

/** For the help of `--stage`, which names no more than what it is about. */
export const someStages = 'strip:field,field, pick:field,field, rename:old=new, and others (docferry stages lists them)'

/** A reader for a flag that takes one of a few words. */
export function choice<T extends string>(values: readonly T[]): (text: string) => T {
  return text => {
    const found = values.find(value => value === text.toLowerCase())
    if (found !== undefined) return found
    throw new InvalidArgumentError(`It is one of ${values.join(', ')}${didYouMean(text, values)}.`)
  }
}

/** `a,b` and repeated flags add up; a comma in a name is written `\,`. */
export function names(text: string, before: readonly string[] = []): string[] {
  const found = text.split(/(?<!\\),/).map(name => name.trim().replaceAll('\\,', ','))
  if (found.includes('')) throw new InvalidArgumentError('A name is missing: give names with commas between them.')
  return [...new Set([...before, ...found])]
}

export function several(text: string, before: readonly string[] = []): string[] {
  return [...before, text]
}

/** A name that stands by itself. */
export function oneName(text: string): string {
  if (text.trim() !== '') return text
  throw new InvalidArgumentError('The name is empty: give one, or leave the flag away.')
}

/** `Old=new`, with commas between several, and repeated flags add up. */
export function renames(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const pairs = text.split(/(?<!\\),/).map(pair => {
    const [from = '', to = '', ...more] = pair
      .replaceAll('\\,', ',')
      .split('=')
      .map(part => part.trim())
    if (from === '' || to === '' || more.length > 0) throw new InvalidArgumentError('Write it as Old=new.')
    return [from, to] as const
  })
  return Object.fromEntries([...Object.entries(before), ...pairs])
}

export function wholeNumber(least: number, most: number): (text: string) => number {
  return text => {
    const number = /^\d+$/.test(text) ? Number(text) : NaN
    if (number >= least && number <= most) return number
    throw new InvalidArgumentError(`It is a whole number from ${least} to ${most}.`)
  }
}

/** `auto`, or how many. */
export function workerCount(text: string): number | 'auto' {
  if (text === 'auto') return text
  const number = /^\d+$/.test(text) ? Number(text) : NaN
  if (number <= mostWorkers) return number
  throw new InvalidArgumentError(`It is auto, or a whole number from 0 to ${mostWorkers}.`)
}

/** `1%`, `0.5 %` or `0.01`, as a share. */
export function share(text: string): number {
  const match = /^(\d+(?:\.\d+)?|\.\d+)\s*(%?)$/.exec(text.trim())
  const number = match ? Number(match[1]) / (match[2] === '%' ? 100 : 1) : NaN
  if (number > 0 && number <= 1) return number
  throw new InvalidArgumentError('It is a share of the documents: 1%, or 0.01.')
}

/** Documents a second: `500`, `1,000`, `500/s`. */
export function rate(text: string): number {
  const number = numberOf(text)
  if (number > 0) return number
  throw new InvalidArgumentError('It is a number of documents a second, over 0: 500, or 500/s.')
}

/** Units a second: `100`, `2,500/s`. */
export function unitRate(text: string): number {
  const number = numberOf(text)
  if (number > 0) return number
  throw new InvalidArgumentError('It is a number of capacity units a second, over 0: 100.')
}

function numberOf(text: string): number {
  const match = /^(\d[\d,]*(?:\.\d+)?)\s*(?:\/s)?$/.exec(text.trim())
  const number = match ? Number(match[1]!.replaceAll(',', '')) : NaN
  return Number.isFinite(number) ? number : NaN
}

/** `100` documents, or `1%` of those read. */
export function failureLimit(text: string): FailureLimit {
  if (/^\d+$/.test(text)) return Number(text)
  const percent = /^(\d+(?:\.\d+)?|\.\d+)\s*%$/.exec(text.trim())
  const limit = Number(percent?.[1]) / 100
  if (limit > 0 && limit <= 1) return { share: limit }
  throw new InvalidArgumentError('It is a whole number of documents, or a share of those read, over 0% and up to 100%: 100, or 1%.')
}

export function addCollectionFlags(command: Command): Command {
  return command
    .option(
      '-c, --collections <names>',
      'only these, with commas between them; can be repeated (default: all that the source holds)',
      names
    )
    .addOption(
      new Option('--preset <name>', `a named set: gofannon (${presets.gofannon.join(', ')})`)
        .argParser(choice(presetNames))
        .conflicts('collections')
    )
    .option('--rename <Old=new>', 'another name in the target for a collection; can be repeated', renames)
}

export function addConflictFlag(command: Command): Command {
  return command.addOption(
    new Option('--on-conflict <how>', 'for a document whose id the target holds already: skip, overwrite or fail')
      .default('skip')
      .argParser(choice(onConflicts))
  )
}

export function addVerifyFlag(command: Command): Command {
  return command.option('--verify', 'compare the target with what was written, once that is done; any difference is exit 60')
}

/** How documents are written that the target can't hold as they are. */
export function addValueFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--types <how>',
        'for values that the target has no type for: natural (numbers stay numbers, else an envelope), exact (also 1.0 apart from 1), plain (no envelopes: dates as text, bytes as base64; loses types)'
      )
        .default('natural')
        .argParser(choice(typeModes))
    )
    .addOption(
      new Option(
        '--on-incompatible <how>',
        'for ids and field names that the target refuses: dead-letter, escape (reversibly), or fail (end the run at the first document that does not fit)'
      )
        .default('dead-letter')
        .argParser(choice(onIncompatibles))
    )
}

/** What is kept so that the run can be undone. */
export function addUndoFlags(command: Command): Command {
  return command
    .option('--undoable', 'keep what documents replace, so that docferry undo can put it back; each is looked up before it is written')
    .addOption(new Option('--no-undo', 'keep nothing to undo the run by').conflicts('undoable'))
}

export function addDocumentFlags(command: Command, { design }: { readonly design: boolean }): Command {
  command
    .option('--stage <stage>', `change the documents on their way: ${someStages}; can be repeated`, several)
    .option('--keep-metadata', "keep CouchDB's own fields (_rev, _attachments, ...) where the target takes them")
    .option(
      '--subcollections',
      'an id such as x/runs/y is the path of a document in a Firestore subcollection, and is written there (default: where the source is Firestore or an export of it)'
    )
    .option('--no-subcollections', "leave Firestore's subcollections out (default: they are read)")
  if (!design) return command
  return command
    .option('--include-design', 'take design documents too: those whose id begins with _design/')
    .option('--attachments', "take the attachments of CouchDB's documents too: to another CouchDB, or into an export")
    .option('--include-security', "take CouchDB's _security object of each database too: who may read and administer it")
}

/** @param compares whether both ends are compared as well, under the same bounds */
export function addRunFlags(command: Command, { dryRun = true, receipt = true, compares = false } = {}): Command {
  if (dryRun)
    command.option('-n, --dry-run', 'read and check everything, write nothing, and say what would happen; docferry plan says more')
  command
    .addOption(new Option('--parallel <n>', 'slices of collections at once').default(4).argParser(wholeNumber(1, 64)))
    .option(
      '--max-rate <n>',
      compares
        ? 'most documents a second that are read of each side, also to compare them, and that are written or removed: 500/s'
        : 'most documents a second to the target: 500/s',
      rate
    )
    .option('--max-wcu <n>', 'most write units a second of a DynamoDB target', unitRate)
    .option(
      '--max-rcu <n>',
      `most read units a second of a DynamoDB ${compares ? 'source, or target, also to compare them' : 'source'}`,
      unitRate
    )
    .addOption(
      new Option(
        '--max-retries <n>',
        'stop, resumable, after so many tries beyond the first (default: 1000, or two for each batch)'
      ).argParser(wholeNumber(0, Number.MAX_SAFE_INTEGER))
    )
    .option('--max-failures <n>', 'stop, resumable, when more documents fail: 100, or 1% of those read', failureLimit)
  if (receipt)
    command
      .option('--workers <n>', 'threads between files of lines: a number, 0 for none, or auto (default: auto)', workerCount)
      .option('--receipt <file>', 'save a copy of the receipt too: what the run has written, in digests to check it by years later')
  return addCommonFlags(command)
}

export function addCommonFlags(command: Command): Command {
  return command
    .option('--json', 'the report as one JSON object on standard output')
    .option('-q, --quiet', 'say nothing but warnings and errors')
    .option('--no-progress', 'show no progress')
    .addOption(
      new Option('--log-level <level>', `what is logged on stderr: ${logLevels.join(', ')}`).default('warn').argParser(choice(logLevels))
    )
    .option('--dotenv <path>', 'read variables from this file (default: .env, if there is one); the real environment wins')
    .option('--state-dir <path>', 'the folder for what runs leave behind, such as dead letters', '.docferry')
}

/**
 * The value of a flag that a command can't do without. Checked after the flags are read, so that a mistyped flag is told first.
 *
 * @throws {DocferryError} DOCFERRY_USAGE
 */
export function required(value: string | undefined, flag: string, meaning: string): string {
  if (value !== undefined && value.trim() !== '') return value
  throw new DocferryError('DOCFERRY_USAGE', `${flag} is missing: ${meaning}`)
}

/** What all commands hand on to the run unchanged. */
export function runOptions(flags: RunFlags): Omit<Job['options'], 'source' | 'target'> {
  const { collections, preset, rename, onConflict, onIncompatible, types, includeDesign, keepMetadata, subcollections, dryRun } = flags
  const { attachments, includeSecurity } = flags
  const couchdb = { includeDesign, keepMetadata, ...(attachments && { attachments }), ...(includeSecurity && { includeSecurity }) }
  const asked = { collections, preset, rename, onConflict, onIncompatible, types, ...couchdb, subcollections, dryRun }
  const undo = flags.undo === false ? 'none' : flags.undoable ? 'all' : undefined
  return { ...asked, ...paceOptions(flags), ...(undo && { undo }) }
}

/** What may be another each time a run goes on. */
export function paceOptions(flags: RunFlags): PaceOptions {
  const { parallel, workers, stateDir, maxRate, maxWcu: maxWriteUnits, maxRcu: maxReadUnits, maxRetries, maxFailures } = flags
  return { parallel, ...(workers !== undefined && { workers }), stateDir, maxRate, maxWriteUnits, maxReadUnits, maxRetries, maxFailures }
}

type PaceOptions = Pick<
  MigrateOptions,
  'parallel' | 'workers' | 'stateDir' | 'maxRate' | 'maxWriteUnits' | 'maxReadUnits' | 'maxRetries' | 'maxFailures'
>
