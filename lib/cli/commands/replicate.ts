import { readFileSync } from 'node:fs'
import { InvalidArgumentError, Option } from 'commander'
import type { Command } from 'commander'
import { parseEndpoint } from '../../config/endpoint.ts'
import { describeError } from '../../errors.ts'
import type { ReplicateOptions } from '../../replicate/options.ts'
import type { CommonFlags } from '../execute.ts'
import { addCollectionFlags, addCommonFlags, names, required, wholeNumber } from '../options.ts'
import type { RunFlags } from '../options.ts'
import { definedOf } from '../../values/defined.ts'
import { parseText } from '../../values/index.ts'

/** A replicate command, understood. */
export interface ReplicateJob {
  readonly options: Omit<ReplicateOptions, 'environment' | 'signal' | 'logger' | 'observe'>
  /** The server that replicates, as it was written, for the commands that are told. */
  readonly on: string
  readonly flags: CommonFlags
}

/** One of the commands beside it: `list`, `status`, `cancel`. */
export interface ReplicationsJob {
  readonly action: 'list' | 'status' | 'cancel'
  /** Missing of `list`. */
  readonly id?: string
  readonly on: string
  readonly flags: CommonFlags
}

export interface ReplicateRunners {
  readonly replicate: (job: ReplicateJob) => Promise<void>
  readonly replications: (job: ReplicationsJob) => Promise<void>
}

interface ReplicateFlags extends CommonFlags, Pick<RunFlags, 'collections' | 'preset' | 'rename'> {
  readonly source?: string
  readonly target?: string
  readonly on?: string
  readonly sourceUrl?: string
  readonly targetUrl?: string
  readonly continuous?: boolean
  readonly selector?: ReplicateOptions['selector']
  readonly docIds?: readonly string[]
  readonly createTarget: boolean
  readonly shards?: number
  readonly copies?: number
  readonly transient?: boolean
  readonly wait: boolean
  readonly follow?: boolean
  readonly keep?: boolean
  readonly verify: boolean
  readonly allowExtra?: boolean
  readonly timeout?: number
  readonly parallel?: number
  readonly stateDir: string
}

/** `docferry replicate`, and the commands below it */
export function addReplicateCommand(program: Command, run: ReplicateRunners): void {
  const command = program
    .command('replicate')
    .description(
      "Have CouchDB's own replicator copy databases from one server to another, follow it by the figures of its scheduler, and compare both sides afterwards. Unlike migrate, it keeps revisions, conflicts, deletions, attachments and design documents."
    )
    .option('-s, --source <end>', 'CouchDB to replicate from')
    .option('-t, --target <end>', 'CouchDB to replicate to')
  addCollectionFlags(command)
    .option('--on <end>', 'the server that replicates, by an admin of it: source, target, or the address of a third (default: target)')
    .option('--source-url <url>', 'how that server reaches the source, where it is not how docferry does: http://couchdb-old:5984')
    .option('--target-url <url>', 'how that server reaches the target')
    .option('--continuous', 'go on for ever: what changes in the source changes in the target')
    .option('--selector <json>', 'only documents that this fits: {"type":"agent"}, or @file', jsonObject)
    .addOption(
      new Option('--doc-ids <ids>', 'only these documents, with commas between them, or @file with one a line')
        .argParser(idList)
        .conflicts('selector')
    )
    .option('--no-create-target', 'do not create databases that the target lacks')
    .option('--shards <n>', "shards of a database that is created (CouchDB's q)", wholeNumber(1, 4096))
    .option('--copies <n>', "copies of each shard of a database that is created (CouchDB's n)", wholeNumber(1, 100))
    .option('--transient', 'leave no document with the passwords in _replicator: lost when the server is restarted, cancelled by Ctrl-C')
    .option('--no-wait', 'return as soon as it is begun; nothing is compared')
    .addOption(new Option('--follow', 'of a continuous one: go on telling of it once it has caught up').implies({ continuous: true }))
    .option('--keep', 'leave the document of a one-time replication, which holds the passwords, in _replicator')
    .option('--no-verify', 'do not compare both sides afterwards')
    .option('--allow-extra', 'documents of which the source knows nothing are no difference: where several sources are merged')
    .option('--timeout <time>', 'give up waiting after so long: 90s, 10m, 2h; the server goes on', time)
    .addOption(new Option('--parallel <n>', 'one-time replications at once').default(8).argParser(wholeNumber(1, 1000)))
    .addHelpText('after', helpText)
  addCommonFlags(command).action((flags: ReplicateFlags) => run.replicate(replicateJob(flags)))
  addReplicationsCommands(command, run.replications)
}

function addReplicationsCommands(command: Command, run: ReplicateRunners['replications']): void {
  const onMeaning = 'the CouchDB that replicates'
  const act = async (action: ReplicationsJob['action'], id: string | undefined, own: Command): Promise<void> => {
    const { on, ...flags } = flagsOf<CommonFlags & { readonly on?: string }>(own)
    const end = parseEndpoint(required(on, '--on', `name ${onMeaning}: couchdb://admin@host?passwordEnv=NAME`), '--on').text
    await run({ action, ...(id !== undefined && { id }), on: end, flags })
  }
  const add = (name: string, summary: string): Command =>
    addCommonFlags(command.command(name).summary(summary).description(`${summary}.`).option('--on <end>', onMeaning))
  add('list', 'list the replications of a server, without credentials').action((_flags: object, own: Command) =>
    act('list', undefined, own)
  )
  add('status', 'tell of one replication, or of all')
    .argument('[id]', 'as list shows it')
    .action((id: string | undefined, _flags: object, own: Command) => act(id === undefined ? 'list' : 'status', id, own))
  add('cancel', 'cancel a replication, and wait until the server has let go of it; what it has written stays')
    .argument('<id>', 'as list shows it')
    .action((id: string, _flags: object, own: Command) => act('cancel', id, own))
}

/** Flags of one name are read by the command above, wherever they stand: what was given wins over what is a default. */
function flagsOf<Flags>(command: Command): Flags {
  const above = command.parent!
  const given = Object.entries(above.opts()).filter(
    ([name]) => above.getOptionValueSource(name) === 'cli' && command.getOptionValueSource(name) !== 'cli'
  )
  return { ...command.opts(), ...Object.fromEntries(given) } as Flags
}

export function replicateJob(flags: ReplicateFlags): ReplicateJob {
  const source = parseEndpoint(required(flags.source, '--source', 'name the CouchDB to replicate from'), '--source').text
  const target = parseEndpoint(required(flags.target, '--target', 'name the CouchDB to replicate to'), '--target').text
  const {
    collections,
    preset,
    rename,
    sourceUrl,
    targetUrl,
    continuous,
    selector,
    docIds: ids,
    transient,
    follow,
    keep,
    verify,
    allowExtra,
    wait
  } = flags
  const { createTarget, shards, copies, timeout: timeoutMs, parallel, stateDir, on: named = 'target' } = flags
  const on = named === 'source' ? source : named === 'target' ? target : parseEndpoint(named, '--on').text
  const given = {
    collections,
    preset,
    rename,
    sourceUrl,
    targetUrl,
    continuous,
    selector,
    ids,
    transient,
    follow,
    keep,
    allowExtra,
    shards,
    copies,
    timeoutMs
  }
  return {
    options: {
      source,
      target,
      on,
      ...definedOf(given),
      createTarget,
      verify,
      wait,
      stateDir,
      ...(parallel !== undefined && { parallel })
    },
    on,
    flags
  }
}

/** JSON, or `@file`. */
function jsonObject(text: string): ReplicateOptions['selector'] {
  const json = text.startsWith('@') ? readGiven(text.slice(1)) : text
  let value: unknown
  try {
    value = parseText(json)
  } catch (error) {
    throw new InvalidArgumentError(`It is no JSON: ${describeError(error)}.`)
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as ReplicateOptions['selector']
  throw new InvalidArgumentError('It is a JSON object: {"type":"agent"}.')
}

function idList(text: string, before: readonly string[] = []): string[] {
  if (!text.startsWith('@')) return names(text, before)
  const lines = readGiven(text.slice(1)).split('\n')
  return [...new Set([...before, ...lines.map(line => line.replace(/\r$/, '')).filter(line => line !== '')])]
}

function readGiven(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new InvalidArgumentError(`The file can not be read: ${describeError(error)}.`)
  }
}

const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

function time(text: string): number {
  const [, count, unit = 's'] = /^(\d+(?:\.\d+)?)\s*([smhd])?$/.exec(text.trim()) ?? []
  const ms = Math.round(Number(count) * unitMs[unit as keyof typeof unitMs])
  if (ms > 0) return ms
  throw new InvalidArgumentError('It is a time over 0: 90s, 10m, 2h.')
}

const helpText = `
The server that replicates keeps the passwords of both ends in its database _replicator, for its admins to see, as long as a replication goes on.

Exits with 40 where the target refused documents or the source has no document of an id that was named, and with 60 where both sides are not equal.

Examples:
  $ docferry replicate --source couchdb://admin@old:5984?passwordEnv=OLD_PASSWORD --target couchdb
  $ docferry replicate --source couchdb://admin@old:5984?passwordEnv=OLD_PASSWORD --target couchdb --continuous
  $ docferry replicate --source couchdb --target couchdb --rename agents=agents-copy --collections agents --selector '{"type":"agent"}'
  $ docferry replicate list --on couchdb
  $ docferry replicate status docferry-agents-0123456789ab --on couchdb
  $ docferry replicate cancel docferry-agents-0123456789ab --on couchdb
`
