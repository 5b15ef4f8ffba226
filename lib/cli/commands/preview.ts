import { Option } from 'commander'
import type { Command } from 'commander'
import { completeEnvironment, readEnvFile } from '../environment.ts'
import type { CommonFlags, Host } from '../execute.ts'
import type { PreviewJob } from '../execute-preview.ts'
import { names, wholeNumber } from '../options.ts'
import { withEnds } from './run.ts'

interface PreviewFlags {
  readonly limit: number
  readonly collections?: readonly string[]
  readonly source?: string
  readonly full?: boolean
  readonly json?: boolean
  readonly dotenv?: string
}

/** `docferry preview` */
export function addPreviewCommand(program: Command, host: Host, run: (job: PreviewJob) => Promise<void>): void {
  program
    .command('preview')
    .description(
      'Read the first documents of each collection and show what the stages of a pipeline make of them, as a difference. This shows contents of documents. Nothing is written, and the target is not opened. Exits as a run that meets these documents: 30 or 40 where a stage fails.'
    )
    .argument('<file>', 'the pipeline: .yaml, .json, .ts, .js')
    .addOption(new Option('-n, --limit <n>', 'documents of each collection, and of each source').default(5).argParser(wholeNumber(1, 1000)))
    .option('-c, --collections <names>', 'only these, with commas between them; can be repeated', names)
    .option('-s, --source <end>', 'another source than the file says')
    .option('--full', 'long texts and documents in full')
    .option('--json', 'the documents as one JSON object on standard output, in full')
    .option('--dotenv <path>', 'read variables from this file (default: .env, if there is one); the real environment wins')
    .addHelpText('after', helpText)
    .action(async (file: string, { limit, collections, source, full = false, json = false, dotenv }: PreviewFlags) => {
      const flags: CommonFlags = { json, progress: false, logLevel: 'warn', ...(dotenv !== undefined && { dotenv }) }
      completeEnvironment(host.env, readEnvFile({ file: dotenv, cwd: host.cwd() }))
      const { loadPipeline } = await import('../../pipeline/load.ts')
      const loaded = await loadPipeline(file, { environment: host.env, cwd: host.cwd() })
      const pipeline = source === undefined ? loaded : withEnds(loaded, { source })
      await run({ file, pipeline, limit, full, flags, ...(collections && { collections }) })
    })
}

const helpText = `
Examples:
  $ docferry preview pipelines/users.yaml
  $ docferry preview pipelines/users.yaml --collections users --limit 20
  $ docferry preview pipelines/users.yaml --source backup.json
`
