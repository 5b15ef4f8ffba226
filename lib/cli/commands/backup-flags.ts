/** The flags of the backup commands, and the readers of their values. */
import { InvalidArgumentError, Option } from 'commander'
import type { Command } from 'commander'
import { presetNames, presets } from '../../config/presets.ts'
import type { PresetName } from '../../config/presets.ts'
import { addCommonFlags, choice, names, renames } from '../options.ts'

/** What only some services take: it goes to the connector as text, which refuses what it does not know. */
export interface ServiceFlags {
  readonly format?: string
  readonly compression?: string
  readonly since?: string
  readonly until?: string
  readonly suffix?: string
  readonly rename?: Readonly<Record<string, string>>
  readonly option?: Readonly<Record<string, string>>
}

export function addBackupFlags(command: Command): Command {
  return addCommonFlags(
    command.option('-p, --provider <end>', 'dynamodb or firestore, configured by the environment, or an address: dynamodb://eu-central-1')
  )
}

export function addChoiceFlags(command: Command): Command {
  return command
    .option('-c, --collections <names>', 'only these, with commas between them; can be repeated', names)
    .addOption(
      new Option('--preset <name>', `a named set: gofannon (${presets.gofannon.join(', ')})`)
        .argParser(choice(presetNames))
        .conflicts('collections')
    )
}

export function addCreateFlags(command: Command): Command {
  return addServiceOption(
    command
      .option('--name <name>', 'a name to find it by')
      .option('--to <bucket>', 'export there: s3://bucket/prefix, gs://bucket/prefix (default: a backup that the service keeps)')
      .option('--at <time>', 'export what was there then: 2026-11-22T10:00:00Z', moment)
      .option('--since <time>', 'DynamoDB: export only what has changed since then', momentText)
      .option('--until <time>', 'with --since: and before then', momentText)
      .option('--format <format>', 'of a DynamoDB export: dynamodb_json (default) or ion')
      .option('-n, --dry-run', 'check everything, begin nothing, and say what would be begun')
  )
}

export function addRestoreFlags(command: Command): Command {
  return addServiceOption(
    command
      .option('--from <what>', 'id or name of a backup, or a bucket: s3://bucket/prefix, gs://bucket/prefix')
      .option('--at <time>', 'by point-in-time recovery: what was there then, 2026-11-22T10:00:00Z, or latest', momentOrLatest)
      .option('--as <name>', 'name of the new collection or database')
      .option('--suffix <text>', 'of several: what is put behind their names', suffix)
      .option('--rename <Old=new>', 'of several: another name for one; can be repeated', renames)
      .option('--format <format>', 'of the files of a bucket: dynamodb_json (default), csv or ion')
      .option('--compression <how>', 'of the files of a bucket: gzip (default), zstd or none')
      .option('-n, --dry-run', 'check everything, begin nothing, and say what would be begun')
  )
}

function addServiceOption(command: Command): Command {
  return command.option('--option <name=value>', "the service's further options, as the README lists them; can be repeated", pair)
}

export function addWaitFlags(command: Command, { no = true } = {}): Command {
  if (no) command.option('--no-wait', 'leave once the service has taken it')
  return command
    .option('--timeout <time>', 'wait no longer than 30m, 2h (default: without end); the service goes on', duration)
    .option('--poll <time>', 'ask how far it is every 5s, 1m (default: 2 s at first, growing to 30 s)', duration)
}

/** The flags for one service as its options. */
export function optionsOf({
  format,
  compression,
  since,
  until,
  suffix: behind,
  rename,
  option
}: ServiceFlags): Readonly<Record<string, string>> {
  const given = {
    format,
    compression,
    since,
    until,
    suffix: behind,
    rename:
      rename &&
      Object.entries(rename)
        .map(([from, to]) => `${from}=${to}`)
        .join(',')
  }
  const named = Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return { ...option, ...Object.fromEntries(named) }
}

export function choiceOf({ collections, preset }: { collections?: readonly string[]; preset?: PresetName }): readonly string[] | undefined {
  return collections ?? (preset && presets[preset])
}

const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** `500ms`, `30s`, `10m`, `2h`, in milliseconds. */
export function duration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(text.trim())
  const ms = match ? Number(match[1]) * units[match[2] as keyof typeof units] : 0
  if (ms > 0) return ms
  throw new InvalidArgumentError('It is a time with its unit: 30s, 10m, 2h.')
}

/** A moment says its zone, so that the same line means the same everywhere. */
export function moment(text: string): Date {
  const isWhole = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d))?$/.test(text.trim())
  const date = new Date(text.trim())
  if (isWhole && !Number.isNaN(date.getTime())) return date
  throw new InvalidArgumentError('It is a moment with its zone: 2026-11-22T10:00:00Z, 2026-11-22T11:00+01:00, or a day (UTC): 2026-11-22.')
}

function momentText(text: string): string {
  return moment(text).toISOString()
}

function momentOrLatest(text: string): Date | 'latest' {
  return text.trim() === 'latest' ? 'latest' : moment(text)
}

function suffix(text: string): string {
  if (text.trim() !== '') return text.trim()
  throw new InvalidArgumentError('It is what is put behind each name: -restored.')
}

function pair(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf('=')
  if (at > 0 && at < text.length - 1) return { ...before, [text.slice(0, at).trim()]: text.slice(at + 1) }
  throw new InvalidArgumentError('Write it as name=value.')
}
