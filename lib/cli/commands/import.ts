import { Option } from 'commander'
import type { Command } from 'commander'
import { isStandardPath, isStandardStream, parseEndpoint } from '../../config/endpoint.ts'
import type { Job } from '../execute.ts'
import {
  addCollectionFlags,
  addConflictFlag,
  addDocumentFlags,
  addRunFlags,
  addUndoFlags,
  addValueFlags,
  addVerifyFlag,
  choice,
  fileFormats,
  required,
  runOptions
} from '../options.ts'
import type { FileFormatName, RunFlags } from '../options.ts'

interface ImportFlags extends RunFlags {
  readonly input?: string
  readonly target?: string
  readonly format?: FileFormatName
  readonly gzip?: boolean
  readonly as?: string
}

/** `docferry import` */
export function addImportCommand(program: Command, run: (job: Job) => Promise<void>): void {
  const command = program
    .command('import')
    .summary('read collections from a file, a folder or standard input')
    .description('Read collections of documents from a file, a folder or standard input into a database.')
    .option('-i, --input <path>', 'a file, a folder, or - for standard input (required)')
    .option('-t, --target <end>', 'where the documents go: a provider or an address (required)')
    .addOption(new Option('-f, --format <format>', `${fileFormats.join(', ')} (default: as the name ends)`).argParser(choice(fileFormats)))
    .option('-z, --gzip', 'the input is compressed (default: found out by itself)')
    .option('--as <collection>', 'the collection of documents in an input that names none (default: as the file is called)')
  addRunFlags(addVerifyFlag(addUndoFlags(addValueFlags(addDocumentFlags(addConflictFlag(addCollectionFlags(command)), { design: true })))))
  command.addHelpText('after', helpText).action((flags: ImportFlags) => run(importJob(flags)))
}

export function importJob(flags: ImportFlags): Job {
  const { format, gzip } = flags
  const input = required(flags.input, '--input', 'a path, or - for standard input').replace(/^file:/, '')
  const target = parseEndpoint(required(flags.target, '--target', 'where the documents go'), '--target')
  return {
    command: 'import',
    options: {
      ...runOptions(flags),
      source: { connector: 'file', options: { path: isStandardPath(input) ? '-' : input, format, gzip, collection: flags.as } },
      target: target.text
    },
    stages: flags.stage,
    dataOnStdout: isStandardStream(target),
    flags
  }
}

const helpText = `
Reads what docferry export and Gofannon's own scripts write, and plain NDJSON of documents. Compression is recognised.

Examples:
  $ docferry import --input backup.json --target dynamodb --dry-run
  $ docferry import --input backup.json --target couchdb --collections agents,users
  $ docferry import --input backup.ndjson.gz --target firestore --on-conflict overwrite
  $ zstd -dc backup.ndjson.zst | docferry import --input - --target couchdb
  $ jq -c '.[]' cities.json | docferry import --input - --as cities --target dynamodb
`
