import { InvalidArgumentError } from 'commander'
import type { Command } from 'commander'
import { backupKinds } from '../../contracts/backup.ts'
import type { BackupKind } from '../../contracts/backup.ts'
import type { BackupAction } from '../../backup/report.ts'
import type { WaitOptions } from '../../backup/wait.ts'
import { presets } from '../../config/presets.ts'
import type { PresetName } from '../../config/presets.ts'
import { didYouMean } from '../../config/suggest.ts'
import { DocferryError } from '../../errors.ts'
import type { CommonFlags } from '../execute.ts'
import { addCommonFlags, names } from '../options.ts'
import { addChoiceFlags, addCreateFlags, addProviderFlag, addRestoreFlags, addWaitFlags, choiceOf, optionsOf } from './backup-flags.ts'
import type { ServiceFlags } from './backup-flags.ts'

/** A backup command, understood. */
export interface BackupJob {
  readonly action: BackupAction
  /** As on the command line, or as an id or a bucket tells it. */
  readonly provider: string
  readonly wait: Pick<WaitOptions, 'pollMs' | 'timeoutMs'> | false
  readonly dryRun: boolean
  /** Whether what can't be had back is removed without asking. */
  readonly yes: boolean
  readonly flags: CommonFlags
}

export interface BackupFlags extends CommonFlags, ServiceFlags {
  readonly provider?: string
  readonly collections?: readonly string[]
  readonly preset?: PresetName
  readonly kinds?: readonly BackupKind[]
  readonly name?: string
  readonly to?: string
  readonly from?: string
  readonly at?: Date | 'latest'
  readonly as?: string
  readonly days?: number
  readonly wait?: boolean
  readonly timeout?: number
  readonly poll?: number
  readonly dryRun?: boolean
  readonly yes?: boolean
}

const actions = ['create', 'list', 'status', 'restore', 'delete', 'cancel', 'point-in-time']

/** `docferry backup create|list|status|restore|delete|cancel|point-in-time` */
export function addBackupCommand(program: Command, run: (job: BackupJob) => Promise<void>): void {
  const command = program
    .command('backup')
    .description(
      "Have a database make, follow, list, restore and delete its own backups, through its own API: DynamoDB's on-demand backups, point-in-time recovery, export to and import from S3; Firestore's managed export and import. No document passes through docferry, and what was begun goes on when docferry has gone."
    )
    .argument('[what]')
    .addHelpText('after', helpText)
    .action((what: string | undefined) => {
      const known = `there are ${actions.join(', ')}`
      const issue = what === undefined ? 'backup what?' : `backup: there is no ${what}${didYouMean(what, actions)};`
      throw new DocferryError('DOCFERRY_USAGE', `${issue} ${known}`)
    })
  const add = (name: string, summary: string, help: string): Command =>
    addProviderFlag(
      command
        .command(name)
        .summary(summary)
        .description(`${summary[0]!.toUpperCase()}${summary.slice(1)}.`)
    ).addHelpText('after', `\nExamples:\n${help}`)

  const does = (own: Command, action: Parameters<Command['action']>[0]): unknown => addCommonFlags(own).action(action)

  does(
    addWaitFlags(addCreateFlags(addChoiceFlags(add('create', 'begin a backup or an export, and wait until it is available', createHelp)))),
    (flags: BackupFlags) => run(createJob(flags))
  )
  does(
    addChoiceFlags(add('list', 'list backups, exports and imports, the newest first', listHelp))
      .option('--kinds <kinds>', `only these: ${backupKinds.join(', ')}`, kinds)
      .option('--name <name>', 'only those of this name'),
    (flags: BackupFlags) => run(listJob(flags))
  )
  does(
    addWaitFlags(
      add('status', 'tell how far backups, exports, imports or restores are', statusHelp)
        .argument('<id...>', 'as list and create show them')
        .option('--wait', 'wait until the service is done with them'),
      { no: false }
    ),
    (ids: string[], flags: BackupFlags) => run(jobOf({ do: 'status', ids }, flags, { id: ids[0], waits: flags.wait ?? false }))
  )
  does(
    addWaitFlags(
      addRestoreFlags(addChoiceFlags(add('restore', 'restore into a new place, and wait until it can be used', restoreHelp))).argument(
        '[id]',
        'of a backup or an export; or a bucket, or the name of a backup, as --from'
      )
    ),
    (id: string | undefined, flags: BackupFlags) => run(restoreJob(id, flags))
  )
  does(
    add('delete', 'delete backups', deleteHelp)
      .argument('<id...>', 'as list shows them')
      .option('-y, --yes', 'do not ask')
      .option('-n, --dry-run', 'show what would be deleted, and delete nothing'),
    (ids: string[], flags: BackupFlags) => run(jobOf({ do: 'delete', ids }, flags, { id: ids[0] }))
  )
  does(
    add('cancel', 'have the service stop what it has begun', cancelHelp).argument('<id...>', 'as list shows them'),
    (ids: string[], flags: BackupFlags) => run(jobOf({ do: 'cancel', ids }, flags, { id: ids[0] }))
  )
  does(
    addChoiceFlags(add('point-in-time', 'tell of continuous backups, or switch them on or off', pointInTimeHelp))
      .argument('[on|off]', 'nothing: tell of them', onOrOff)
      .option('--days <n>', 'switched on: how many days back any moment can be restored (DynamoDB: 1 to 35, default 35)', Number)
      .option('-y, --yes', 'switched off: do not ask, although no moment before can be restored any more')
      .option('-n, --dry-run', 'tell of them, and change nothing'),
    (change: 'on' | 'off' | undefined, flags: BackupFlags) =>
      run(jobOf({ do: 'point-in-time', ...choiceOf(flags), change, recoveryDays: flags.days }, flags))
  )
}

export function createJob(flags: BackupFlags): BackupJob {
  const { name, to, at } = flags
  if (at === 'latest') throw new DocferryError('DOCFERRY_USAGE', '--at latest is for restore; without --at, create takes what is there now')
  const request = { ...choiceOf(flags), name, to, at, options: optionsOf(flags) }
  return jobOf({ do: 'create', request }, flags, { id: to, waits: true })
}

export function listJob(flags: BackupFlags): BackupJob {
  return jobOf({ do: 'list', filter: { collections: choiceOf(flags).collections, kinds: flags.kinds, name: flags.name } }, flags)
}

export function restoreJob(id: string | undefined, flags: BackupFlags): BackupJob {
  const { at, as } = flags
  if (id !== undefined && flags.from !== undefined)
    throw new DocferryError('DOCFERRY_USAGE', 'restore: give either an id or --from, for they mean the same')
  const from = id ?? flags.from
  if (from === undefined && at === undefined)
    throw new DocferryError('DOCFERRY_USAGE', 'restore what? Give the id of a backup, --from s3://bucket/prefix, or a moment: --at latest')
  const request = { from, at, as, ...choiceOf(flags), options: optionsOf(flags) }
  return jobOf({ do: 'restore', request }, flags, { id: from, waits: true })
}

function jobOf(
  action: BackupAction,
  flags: BackupFlags,
  { id, waits = false }: { readonly id?: string | undefined; readonly waits?: boolean } = {}
): BackupJob {
  const { wait = true, timeout: timeoutMs, poll: pollMs, dryRun = false, yes = false } = flags
  return { action, provider: providerOf(flags.provider, id), wait: waits && wait && { pollMs, timeoutMs }, dryRun, yes, flags }
}

/** An id or an address of a bucket tells whose it is. */
function providerOf(given: string | undefined, id = ''): string {
  if (given !== undefined && given.trim() !== '') return given
  if (/^(?:arn:aws|s3:)/.test(id)) return 'dynamodb'
  if (/^(?:projects\/|gs:)/.test(id)) return 'firestore'
  throw new DocferryError('DOCFERRY_USAGE', '--provider is missing: dynamodb, firestore, or an address such as dynamodb://eu-central-1')
}

function kinds(text: string): BackupKind[] {
  return names(text).map(word => {
    const found = backupKinds.find(kind => kind === word)
    if (found !== undefined) return found
    throw new InvalidArgumentError(`${word}: it is one of ${backupKinds.join(', ')}${didYouMean(word, backupKinds)}.`)
  })
}

function onOrOff(text: string): 'on' | 'off' {
  if (text === 'on' || text === 'off') return text
  throw new InvalidArgumentError('It is on or off.')
}

const presetExample = Object.keys(presets)[0]

const createHelp = `  $ docferry backup create --provider dynamodb --collections agents,users --name before-move
  $ docferry backup create --provider dynamodb://eu-central-1 --preset ${presetExample} --to s3://bucket/prefix
  $ docferry backup create --provider firestore --to gs://bucket/prefix --no-wait
`
const listHelp = `  $ docferry backup list --provider dynamodb
  $ docferry backup list --provider dynamodb --collections agents --kinds backup,export
`
const statusHelp = `  $ docferry backup status arn:aws:dynamodb:us-east-1:111122223333:table/agents/backup/01489602797149-73d8d5bc
  $ docferry backup status ID --provider firestore --wait
`
const restoreHelp = `  $ docferry backup restore --provider dynamodb --from before-move --suffix -restored
  $ docferry backup restore arn:aws:dynamodb:us-east-1:111122223333:table/agents/backup/01489602797149-73d8d5bc --as agents-old
  $ docferry backup restore --provider dynamodb --at 2026-11-22T10:00:00Z --collections agents --as agents-at-ten
  $ docferry backup restore --provider dynamodb --from s3://bucket/prefix/AWSDynamoDB/01693685827463-2d8752fd/data/ --as agents-copy
  $ docferry backup restore --provider firestore --from gs://bucket/prefix
`
const deleteHelp = `  $ docferry backup delete arn:aws:dynamodb:us-east-1:111122223333:table/agents/backup/01489602797149-73d8d5bc
`
const cancelHelp = `  $ docferry backup cancel projects/my-project/databases/(default)/operations/ASA1MTAwNDQxNAgadGx1YWZlZAcSeWx --provider firestore
`
const pointInTimeHelp = `  $ docferry backup point-in-time --provider dynamodb
  $ docferry backup point-in-time on --provider dynamodb --collections agents,users --days 7
`

const helpText = `
Exits with 0 when all is available, and with 40 when any of it failed, or is not done after --timeout. Ctrl-C ends the waiting only.
What these services can't do is said by docferry export and docferry replicate.

Examples:
  $ docferry backup create --provider dynamodb --preset ${presetExample} --name before-move
  $ docferry backup list --provider dynamodb
  $ docferry backup restore --provider dynamodb --from before-move --suffix -restored
  $ docferry backup point-in-time on --provider dynamodb --collections agents
  $ docferry backup create --provider firestore --to gs://bucket/prefix
`
