import { Option } from 'commander'
import type { Command } from 'commander'
import { isStandardStream, parseEndpoint } from '../../config/endpoint.ts'
import type { Job } from '../execute.ts'
import { fileEnd } from '../file-end.ts'
import {
  addCollectionFlags,
  addConflictFlag,
  addDocumentFlags,
  addRunFlags,
  addUndoFlags,
  addValueFlags,
  addVerifyFlag,
  choice,
  inputFormats,
  oneName,
  required,
  runOptions
} from '../options.ts'
import type { FileFormatName, RunFlags } from '../options.ts'
import { addRunIdFlag } from '../run-id-file.ts'
import { forced } from './migrate.ts'

interface ImportFlags extends RunFlags {
  readonly input?: string
  readonly target?: string
  readonly format?: FileFormatName
  readonly gzip?: boolean
  readonly as?: string
  readonly key?: string
  readonly incremental?: boolean
  readonly backupLog?: string
  readonly force?: boolean
}

/** `docferry import` */
export function addImportCommand(program: Command, run: (job: Job) => Promise<void>): void {
  const command = program
    .command('import')
    .description('Read collections of documents from a file, a folder or standard input into a database.')
    .option('-i, --input <path>', 'a file, a folder, or - for standard input (required)')
    .option('-t, --target <end>', 'where the documents go: a provider or an address (required)')
    .addOption(
      new Option('-f, --format <format>', `${inputFormats.join(', ')} (default: found out by itself)`).argParser(choice(inputFormats))
    )
    .option('-z, --gzip', 'the input is compressed (default: found out by itself)')
    .option('--as <collection>', 'the collection of documents in an input that names none (default: as the file is called)', oneName)
    .option('--key <attributes>', 'of DynamoDB JSON, the key of its table: pk, or pk,sk (default: _id)')
    .option('--incremental', "read an incremental export of DynamoDB's: changed items, and each deleted one as a dead letter")
    .option('--backup-log <file>', 'of a backup by couchbackup, its log, which tells whether it is whole')
    .option('--force', 'replace a target file that exists already')
  addRunFlags(
    addRunIdFlag(
      addVerifyFlag(addUndoFlags(addValueFlags(addDocumentFlags(addConflictFlag(addCollectionFlags(command)), { design: true }))))
    )
  )
  command.addHelpText('after', helpText).action((flags: ImportFlags) => run(importJob(flags)))
}

export function importJob(flags: ImportFlags): Job {
  const { format, gzip, key, incremental, backupLog } = flags
  const input = required(flags.input, '--input', 'a path, or - for standard input')
  const target = parseEndpoint(required(flags.target, '--target', 'where the documents go'), '--target')
  return {
    command: 'import',
    options: {
      ...runOptions(flags),
      source: fileEnd(input, { format, gzip, collection: flags.as, key, incremental, backupLog }).end,
      target: flags.force ? forced(target) : target.text
    },
    stages: flags.stage,
    dataOnStdout: isStandardStream(target),
    flags
  }
}

const helpText = `
Reads what docferry export and Gofannon's own scripts write, plain NDJSON of documents, DynamoDB JSON, a folder with DynamoDB's
exports to S3, and backups by couchbackup. All of them and compression are recognised.

Examples:
  $ docferry import --input backup.json --target dynamodb --dry-run
  $ docferry import --input backup.json --target couchdb --collections agents,users
  $ docferry import --input backup.ndjson.gz --target firestore --on-conflict overwrite
  $ zstd -dc backup.ndjson.zst | docferry import --input - --target couchdb
  $ docferry import --input dynamodb-export/AWSDynamoDB/01693685827463-2d8752fd --target couchdb --key pk,sk
  $ docferry import --input animaldb.txt --backup-log animaldb.log --target firestore
  $ jq -c '.[]' cities.json | docferry import --input - --as cities --target dynamodb
`
