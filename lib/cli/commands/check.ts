import { InvalidArgumentError, Option } from 'commander'
import type { Command } from 'commander'
import type { CheckOptions } from '../../check/options.ts'
import { isStandardStream, parseEndpoint } from '../../config/endpoint.ts'
import { DocferryError } from '../../errors.ts'
import type { CommonFlags } from '../execute.ts'
import { addCommonFlags, addUndoFlags, rate, required, runOptions, share, unitRate, wholeNumber } from '../options.ts'
import { givenEnd } from './choose-run.ts'
import { addMoveFlags, forced } from './migrate.ts'
import type { MigrateFlags } from './migrate.ts'

/** A check command, understood. */
export interface CheckJob {
  readonly options: Omit<CheckOptions, 'stages' | 'environment' | 'signal' | 'logger' | 'observe'>
  /** As text, for `parseStage`. */
  readonly stages?: readonly string[]
  /** Whether warnings count as failures. */
  readonly strict: boolean
  readonly markdown: boolean
  /** Path for the list as a document. */
  readonly output?: string
  readonly flags: CommonFlags
}

export interface CheckFlags extends MigrateFlags {
  readonly after?: boolean
  readonly full?: boolean
  readonly sample?: number
  readonly quick?: boolean
  readonly backupAge?: number
  readonly probeWrite?: boolean
  readonly rate?: number
  readonly watch?: number
  readonly strict?: boolean
  readonly markdown?: boolean
  readonly output?: string
}

/** `docferry check` */
export function addCheckCommand(program: Command, run: (job: CheckJob) => Promise<void>): void {
  const command = program
    .command('check')
    .description(
      'Before: with --source and --target, and the options that the migration will have. During and after: with the id of its run. Each point of the list gets a result, and what only people can do stays open. Nothing is changed, unless --probe-write asks for it.'
    )
    .argument('[run]', 'the id of a run, as docferry runs shows it: one that is under way, or one that is over')
  addUndoFlags(addMoveFlags(command))
    .option('--after', 'of two ends: what is looked at after a migration, though no run of it is known')
    .option(
      '--full',
      'before: try every document, not a sample of about 10,000, and compare the backup with its receipt; after: also try the undoing'
    )
    .option(
      '--sample <share>',
      'before: try this share of the documents; after: compare this share with the source, not all with the receipt',
      share
    )
    .option('--quick', 'after: compare the numbers of documents only')
    .addOption(
      new Option('--backup-age <time>', 'how old a backup of the source may be: 24h, 7d').default(86_400_000, '24h').argParser(duration)
    )
    .option('--probe-write', 'write a document to the target, in a collection of its own, and remove both again')
    .option('--rate <n>', 'documents a second that the estimate of time reckons with (default: 1,000)', rate)
    .option('--watch <time>', 'how long a run is watched that is under way: 30s (default: 5s)', duration)
    .option('--strict', 'exit with 60 where there are warnings, and nothing worse')
    .option('--markdown', 'print the list as a Markdown document, for a change ticket')
    .option('-o, --output <file>', 'save the list there too: as Markdown, or as JSON where the name ends in .json')
    .addOption(new Option('--parallel <n>', 'slices of collections at once').default(4).argParser(wholeNumber(1, 64)))
    .option('--max-rate <n>', 'most documents a second that are read: 500/s', rate)
    .option('--max-rcu <n>', 'most read units a second of a DynamoDB', unitRate)
    .addHelpText('after', helpText)
  addCommonFlags(command).action((runId: string | undefined, flags: CheckFlags) => {
    if (runId !== undefined) refuseDecided(command)
    return run(checkJob(runId, flags))
  })
}

/** What the record of a run says already. */
const decided = [
  'collections',
  'preset',
  'rename',
  'onConflict',
  'types',
  'onIncompatible',
  'stage',
  'keepMetadata',
  'includeDesign',
  'undoable',
  'undo',
  'force',
  'after',
  'probeWrite',
  'rate'
]

/** @throws {DocferryError} DOCFERRY_USAGE */
function refuseDecided(command: Command): void {
  const found = command.options.filter(
    option => decided.includes(option.attributeName()) && command.getOptionValueSource(option.attributeName()) === 'cli'
  )
  if (found.length > 0)
    throw new DocferryError('DOCFERRY_USAGE', `${found.map(({ long }) => long).join(', ')}: of a run, its record says so; leave it out`)
}

export function checkJob(run: string | undefined, flags: CheckFlags): CheckJob {
  const { full, sample, quick, probeWrite, rate: perSecond, strict = false, markdown = false, output, stage } = flags
  const common = { full, sample, quick, backupAgeMs: flags.backupAge, watchMs: flags.watch }
  const rest = { strict, markdown, ...(output !== undefined && { output }), flags }
  if (markdown && flags.json) throw new DocferryError('DOCFERRY_USAGE', '--markdown and --json: one of them')
  if (run !== undefined) {
    const { parallel, maxRate, maxReadUnits, stateDir } = runOptions(flags)
    const ends = { source: givenEnd('source', flags.source), target: givenEnd('target', flags.target) }
    return { options: { run, ...common, ...ends, parallel, maxRate, maxReadUnits, stateDir }, ...rest }
  }
  const source = parseEndpoint(required(flags.source, '--source', 'where the documents are; or give the id of a run'), '--source')
  const target = parseEndpoint(required(flags.target, '--target', 'where they go'), '--target')
  if (isStandardStream(source))
    throw new DocferryError('DOCFERRY_USAGE', '--source: standard input can be read only once, by the run itself')
  const { dryRun: _dryRun, maxWriteUnits: _units, maxRetries: _retries, maxFailures: _failures, ...asked } = runOptions(flags)
  const ends = { source: source.text, target: flags.force ? forced(target) : target.text }
  const phase = flags.after ? ('after' as const) : ('before' as const)
  return { options: { ...asked, ...common, ...ends, phase, probeWrite, perSecond }, ...(stage && { stages: stage }), ...rest }
}

const units = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** `30s`, `90m`, `24h`, `7d`, in milliseconds. */
function duration(text: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*([smhd])$/.exec(text.trim().toLowerCase()) ?? []
  const milliseconds = Number(number) * units[unit as keyof typeof units]
  if (milliseconds > 0) return milliseconds
  throw new InvalidArgumentError('It is a time: 30s, 90m, 24h or 7d.')
}

const helpText = `
A point is ok, a warning, failed, skipped (it says why), or for a person to do. The exit code is 0 where none has failed, and otherwise
that of the first that has: 10 for an end that does not answer or permit, 40 for documents that do not fit, 2 for names that the
target does not take, 60 for the rest.

Examples:
  $ docferry check --source couchdb --target dynamodb
  $ docferry check --source couchdb --target dynamodb --full --probe-write --strict
  $ docferry check --source firestore --target dynamodb --preset gofannon --output checklist.md
  $ docferry check 2026-11-22T10-15-00-a1b2c3
  $ docferry check 2026-11-22T10-15-00-a1b2c3 --sample 1% --markdown
`
