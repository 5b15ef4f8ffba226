import { Option } from 'commander'
import type { Command } from 'commander'
import { parseEndpoint } from '../../config/endpoint.ts'
import { DocferryError } from '../../errors.ts'
import type { Job } from '../execute.ts'
import { fileEnd } from '../file-end.ts'
import {
  addCollectionFlags,
  addDocumentFlags,
  addRunFlags,
  addValueFlags,
  addVerifyFlag,
  choice,
  fileFormats,
  required,
  runOptions
} from '../options.ts'
import type { FileFormatName, RunFlags } from '../options.ts'
import { addRunIdFlag } from '../run-id-file.ts'

interface ExportFlags extends RunFlags {
  readonly provider?: string
  readonly source?: string
  readonly output: string
  readonly format?: FileFormatName
  readonly gzip?: boolean
  readonly documentsOnly?: boolean
  readonly force?: boolean
  readonly key?: string
}

/** `docferry export` */
export function addExportCommand(program: Command, run: (job: Job) => Promise<void>): void {
  const command = program
    .command('export')
    .description('Write collections of documents to a file, a folder or standard output.')
    .option('-p, --provider <end>', 'where the documents are: a provider or an address (default: memory)')
    .addOption(new Option('-s, --source <end>', 'the same as --provider').conflicts('provider'))
    .option('-o, --output <path>', 'a file, a folder, or - for standard output', 'backup.json')
    .addOption(new Option('-f, --format <format>', `${fileFormats.join(', ')} (default: as the name ends)`).argParser(choice(fileFormats)))
    .option('-z, --gzip', 'compress (default: if the name ends in .gz)')
    .option('--documents-only', 'NDJSON of documents alone, without header and trailer; for one collection')
    .option('--key <attributes>', 'of DynamoDB JSON, the key that the table has or will have: pk, or pk,sk:N (default: _id)')
    .option('--force', 'replace an output that exists already')
  addRunFlags(addRunIdFlag(addVerifyFlag(addValueFlags(addDocumentFlags(addCollectionFlags(command), { design: true })))))
  command.addHelpText('after', helpText).action((flags: ExportFlags) => run(exportJob(flags)))
}

export function exportJob(flags: ExportFlags): Job {
  const { format, gzip, documentsOnly, force, key } = flags
  const output = required(flags.output, '--output', 'a path, or - for standard output')
  const source = parseEndpoint(flags.source ?? flags.provider ?? 'memory', flags.source === undefined ? '--provider' : '--source')
  const { end, isStandard: dataOnStdout } = fileEnd(output, { format, gzip, force, documentsOnly, key })
  if (dataOnStdout && format === 'folder')
    throw new DocferryError('DOCFERRY_USAGE', 'a folder cannot be written to standard output: choose --format ndjson or json')
  return {
    command: 'export',
    options: {
      ...runOptions(flags),
      source: source.text,
      target: end
    },
    stages: flags.stage,
    dataOnStdout,
    flags
  }
}

const helpText = `
The format is told by the name: .json (one JSON object, as Gofannon's own scripts write and read it), .ndjson or .jsonl
(one document a line), each also with .gz; a name that ends in / is a folder with one file per collection. Standard
output is NDJSON unless --format says otherwise. With --format dynamodb-json a file holds the items of one table, a line each, and
a folder an export of each table as DynamoDB writes it to S3.

Examples:
  $ docferry export --provider couchdb --output backup.json
  $ docferry export --provider couchdb --output backup.ndjson.gz --collections agents,users
  $ docferry export --provider dynamodb --output backup/ --gzip
  $ docferry export --provider couchdb --output export/ --format dynamodb-json
  $ docferry export --provider firestore://my-project --output - | zstd > backup.ndjson.zst
  $ docferry export --provider memory:snapshot.json --collections agents --documents-only --output - | jq .name
`
