/** The command line: its commands, its help, and its usage errors. Loads no more than that takes. */
import { Command, CommanderError } from 'commander'
import { now } from '../clock.ts'
import { closest } from '../config/suggest.ts'
import { docferryVersion } from '../config/version.ts'
import { DocferryError, exitCodeOf } from '../errors.ts'
import { commandList, nameOf } from './command-list.ts'
import type { ListedCommand, Runners } from './command-list.ts'
import type { RepairJob } from './commands/repair.ts'
import type { UndoJob } from './commands/undo.ts'
import type { VerifyJob } from './commands/verify.ts'
import type { Host, Job } from './execute.ts'
import { errorLines } from './exit.ts'
import { jsonReport } from './json.ts'
import { createMask } from './secrets.ts'

type Runner = (job: Job, host: Host) => Promise<number>
type UndoRunner = (job: UndoJob, host: Host) => Promise<number>
type VerifyRunner = (job: VerifyJob, host: Host) => Promise<number>
type RepairRunner = (job: RepairJob, host: Host) => Promise<number>

const loadAndUndo: UndoRunner = async (job, host) => {
  const { executeUndo } = await import('./execute-undo.ts')
  return await executeUndo(job, host)
}

const loadAndVerify: VerifyRunner = async (job, host) => {
  const { executeVerify } = await import('./execute-verify.ts')
  return await executeVerify(job, host)
}

const loadAndRepair: RepairRunner = async (job, host) => {
  const { executeRepair } = await import('./execute-repair.ts')
  return await executeRepair(job, host)
}

/**
 * Understand the command line and run it.
 *
 * @returns the exit code
 */
export async function runCommandLine(
  host: Host,
  run: Runner,
  undo: UndoRunner = loadAndUndo,
  verify: VerifyRunner = loadAndVerify,
  repair: RepairRunner = loadAndRepair
): Promise<number> {
  let exitCode = 0
  const words = host.argv.slice(2)
  const program = await createProgram(host, {
    run: async job => void (exitCode = await run(job, host)),
    undo: async job => void (exitCode = await undo(job, host)),
    verify: async job => void (exitCode = await verify(job, host)),
    repair: async job => void (exitCode = await repair(job, host)),
    exit: code => void (exitCode = code)
  })
  try {
    checkHelped(words)
    await program.parseAsync(words, { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0
    return reportFailure(host, error instanceof CommanderError ? usageError(error) : error)
  }
}

/**
 * Commands that are not named are only listed, and not loaded.
 *
 * @param words those among which the commands' names are looked for: what a word is can be told only once its command is known
 */
export async function createProgram(host: Host, runners: Runners, words: readonly string[] = host.argv.slice(2)): Promise<Command> {
  const columns = host.stdout.isTTY ? Math.min(host.stdout.columns || 80, 120) : 100
  const program = new Command('docferry')
  program
    .description('Move collections of documents between CouchDB, Firestore, DynamoDB, memory and files, as a stream.')
    .option('-V, --version', 'print the version')
    .on('option:version', () => {
      host.stdout.write(`${docferryVersion()}\n`)
      throw new CommanderError(0, 'commander.version', '')
    })
    .exitOverride()
    .configureOutput({
      writeOut: text => void host.stdout.write(text),
      // an error is printed when it is caught; the help that stands for a missing command is all that comes here
      writeErr: text => void (text.startsWith('error:') ? undefined : host.stderr.write(text)),
      getOutHelpWidth: () => columns,
      getErrHelpWidth: () => columns
    })
    .helpCommand('help [command]', 'show the help of a command')
    .helpOption('-h, --help', 'show help')
    .addHelpText('after', helpText)
  for (const listed of commandList) {
    if (words.includes(nameOf(listed))) await listed.add(program, host, runners)
    else addListed(program, listed)
    program.commands.at(-1)!.summary(listed.summary)
  }
  return program
}

/** As far as the list of commands shows it. */
function addListed(program: Command, listed: ListedCommand): void {
  const command = program.command(nameOf(listed))
  for (const part of listed.term.split(' ').slice(1)) {
    if (part === '[options]') command.option('--any')
    else command.argument(part)
  }
}

/** What others call a command, where no likeness of the words leads there. */
const otherWords: ReadonlyMap<string, string> = new Map(
  Object.entries({
    compare: 'verify',
    diff: 'verify',
    copy: 'migrate',
    move: 'migrate',
    continue: 'resume',
    fix: 'repair'
  })
)

/** Commander would print all of the help. @throws {DocferryError} DOCFERRY_USAGE */
function checkHelped([first, name]: readonly string[]): void {
  if (first !== 'help' || name === undefined || name.startsWith('-')) return
  const known = ['help', ...commandList.map(nameOf)]
  if (known.includes(name)) return
  const meant = otherWords.get(name) ?? closest(name, known)
  throw new DocferryError('DOCFERRY_USAGE', `unknown command '${name}'${meant === undefined ? '' : ` (Did you mean ${meant}?)`}`)
}

function usageError(error: CommanderError): DocferryError {
  if (error.code === 'commander.help')
    return new DocferryError(
      'DOCFERRY_USAGE',
      'which command? There are migrate, plan, run, export, import, resume, retry, undo, verify, repair, check, guide, replicate, backup, runs, stages, lint, test, preview and schema'
    )
  const other = error.code === 'commander.unknownCommand' ? otherWords.get(/'(.*)'/.exec(error.message)?.[1] ?? '') : undefined
  if (other !== undefined)
    return new DocferryError('DOCFERRY_USAGE', `${error.message.replace(/^error: |\n.*$/gs, '')} (Did you mean ${other}?)`)
  return new DocferryError('DOCFERRY_USAGE', error.message.replace(/^error: /, '').replaceAll('\n', ' '))
}

/**
 * Tell an error that no command dealt with: before a run could begin, or a bug in the middle of one.
 *
 * @returns the exit code
 */
export function reportFailure(host: Host, error: unknown): number {
  const mask = createMask(host.argv, host.env)
  const debug = /--log-level[= ]debug/.test(host.argv.join(' '))
  host.stderr.write(`${errorLines(error, { debug, mask }).join('\n')}\n`)
  const exitCode = exitCodeOf(error)
  if (host.argv.includes('--json')) {
    host.stdout.write(`${JSON.stringify(jsonReport({ command: host.argv[2] ?? '', exitCode, error, mask, nowMs: now() }))}\n`)
  }
  return exitCode
}

const helpText = `
Examples:
  $ docferry plan --source couchdb --target dynamodb
  $ docferry migrate --source couchdb --target dynamodb
  $ docferry export --provider couchdb --output backup.json
  $ docferry import --input backup.json --target firestore
  $ docferry guide --source couchdb --target dynamodb
  $ docferry check --source couchdb --target dynamodb
  $ docferry undo 2026-11-22T10-15-00-a1b2c3 --dry-run
  $ docferry verify --source couchdb --target dynamodb
  $ docferry repair --source couchdb --target dynamodb --dry-run

Exit codes:
  0 all done             20 the source cannot be read, or its format is wrong
  1 a bug                30 a stage failed                                       130 interrupted
  2 usage or config      40 done, but some documents could not be written
  10 cannot connect      50 the run folder cannot be used                        60 verify: not equal; a test or a check has failed

docferry <command> --help shows the options and examples of a command.
`
