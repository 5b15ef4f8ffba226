import type { Command } from 'commander'
import { endpointForms, isStandardStream, parseEndpoint } from '../../config/endpoint.ts'
import type { NamedEndpoint } from '../../config/endpoint.ts'
import { DocferryError } from '../../errors.ts'
import type { Job } from '../execute.ts'
import {
  addCollectionFlags,
  addConflictFlag,
  addDocumentFlags,
  addRunFlags,
  addUndoFlags,
  addValueFlags,
  addVerifyFlag,
  required,
  runOptions
} from '../options.ts'
import type { RunFlags } from '../options.ts'
import { addRunIdFlag } from '../run-id-file.ts'
import { flagsOf, readPlanFile } from '../plan-file.ts'

export interface MigrateFlags extends RunFlags {
  readonly source?: string
  readonly target?: string
  readonly force?: boolean
  /** Path of a saved plan. */
  readonly plan?: string
}

/** `docferry migrate` */
export function addMigrateCommand(program: Command, run: (job: Job) => Promise<void>): void {
  const command = program
    .command('migrate')
    .description('Move collections of documents from one place to another, as a stream, whatever their size.')
  addMoveFlags(command)
    .option(
      '--plan <file>',
      'refuse to run if options, places or collections differ from this saved plan; alone, do what it says (docferry plan --save)'
    )
    .addHelpText('after', helpText)
  addRunFlags(addRunIdFlag(addVerifyFlag(addUndoFlags(command)))).action((flags: MigrateFlags) => {
    if (flags.plan !== undefined && flags.source === undefined && flags.target === undefined) refuseOthers(command)
    return run(migrateJob(flags))
  })
}

/** @throws {DocferryError} DOCFERRY_USAGE for an option beside a plan that stands alone and says what that option would say */
function refuseOthers(command: Command): void {
  const said = [
    'collections',
    'preset',
    'rename',
    'onConflict',
    'types',
    'onIncompatible',
    'stage',
    'keepMetadata',
    'includeDesign',
    'attachments',
    'includeSecurity',
    'subcollections'
  ]
  const found = command.options.filter(
    option => said.includes(option.attributeName()) && command.getOptionValueSource(option.attributeName()) === 'cli'
  )
  if (found.length === 0) return
  throw new DocferryError(
    'DOCFERRY_USAGE',
    `${found.map(({ long }) => long).join(', ')}: --plan alone does what the plan says; give --source, --target and all options to have them compared with it`
  )
}

/** What `migrate` and `plan` share. */
export function addMoveFlags(command: Command): Command {
  command
    .option('-s, --source <end>', 'where the documents are (required)')
    .option('-t, --target <end>', 'where they go (required)')
    .option('--force', 'replace a target file that exists already')
  return addValueFlags(addDocumentFlags(addConflictFlag(addCollectionFlags(command)), { design: true }))
}

export function migrateJob(given: MigrateFlags): Job {
  const plan = given.plan === undefined ? undefined : readPlanFile(given.plan)
  const flags = plan && given.source === undefined && given.target === undefined ? flagsOf(plan, given) : given
  const source = parseEndpoint(required(flags.source, '--source', 'where the documents are'), '--source')
  const target = parseEndpoint(required(flags.target, '--target', 'where they go'), '--target')
  return {
    command: 'migrate',
    options: { ...runOptions(flags), plan, source: source.text, target: flags.force ? forced(target) : target.text },
    stages: flags.stage,
    dataOnStdout: isStandardStream(target),
    flags
  }
}

/** @throws {DocferryError} DOCFERRY_USAGE where it is no file */
export function forced({ connector, text }: NamedEndpoint): string {
  if (connector !== 'file')
    throw new DocferryError(
      'DOCFERRY_USAGE',
      `--force is for a target file; for documents in ${connector} there is --on-conflict overwrite`
    )
  return `${text}${text.includes('?') ? '&' : '?'}force=true`
}

const helpText = `
Ends:
${endpointForms.map(form => `  ${form}`).join('\n')}
  Whoever can list this machine's processes sees a password in an address: rather name a variable
  (?passwordEnv=NAME), or set COUCHDB_PASSWORD in the environment or in .env.

Examples:
  $ docferry migrate --source couchdb --target dynamodb --dry-run
  $ docferry plan --source couchdb --target dynamodb --save plan.json
  $ docferry migrate --plan plan.json
  $ docferry migrate --source couchdb --target dynamodb --collections agents,users
  $ docferry migrate --source couchdb://old:5984 --target couchdb://new:5984 --include-design --attachments --include-security
  $ docferry migrate --source firestore --target file:backup.ndjson.gz --preset gofannon
  $ docferry migrate --source backup.json --target couchdb --rename Users=users --on-conflict overwrite
`
