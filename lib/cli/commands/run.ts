import { randomUUID } from 'node:crypto'
import type { Command, OptionValueSource } from 'commander'
import { endpointForms, isStandardStream, parseEndpoint } from '../../config/endpoint.ts'
import { DocferryError } from '../../errors.ts'
import type { Endpoint } from '../../open.ts'
import type { Pipeline, PipelineTarget } from '../../pipeline/pipeline.ts'
import type { Environment } from '../../types.ts'
import { completeEnvironment, readEnvFile } from '../environment.ts'
import type { Host, Job } from '../execute.ts'
import {
  addCollectionFlags,
  addConflictFlag,
  addDocumentFlags,
  addRunFlags,
  addUndoFlags,
  addValueFlags,
  addVerifyFlag,
  runOptions
} from '../options.ts'
import type { RunFlags } from '../options.ts'
import { forced } from './migrate.ts'

interface PipelineFlags extends RunFlags {
  readonly source?: string
  readonly target?: string
  readonly force?: boolean
}

/** A pipeline, understood: what to do for each of its targets, out of one reading. */
export interface PipelineJob {
  readonly file: string
  readonly source: Endpoint
  readonly targets: readonly { readonly name: string; readonly job: Job }[]
}

/** `docferry run` */
export function addRunCommand(program: Command, host: Host, run: (job: PipelineJob) => Promise<void>): void {
  const command = program
    .command('run')
    .description(
      'Move collections as a pipeline file says: from where to where, which collections, through which stages, with which options. Flags win over the file.'
    )
    .argument('<file>', 'the pipeline: .yaml, .json, .ts, .js (docferry lint checks it)')
    .option('-s, --source <end>', 'another source than the file says')
    .option('-t, --target <end>', 'another target than the file says')
    .option('--force', 'replace a target file that exists already')
    .addHelpText('after', helpText)
  addValueFlags(addDocumentFlags(addConflictFlag(addCollectionFlags(command)), { design: true }))
  addRunFlags(addVerifyFlag(addUndoFlags(command))).action(async (file: string, flags: PipelineFlags) => {
    completeEnvironment(host.env, readEnvFile({ file: flags.dotenv, cwd: host.cwd() }))
    const given = (name: string): boolean => command.getOptionValueSource(name) === ('cli' satisfies OptionValueSource)
    await run(await pipelineJob(file, { flags, given, cwd: host.cwd(), environment: host.env }))
  })
}

interface Asking {
  readonly flags: PipelineFlags
  /** Whether a flag is on the command line, and not only its default. */
  readonly given: (name: string) => boolean
  readonly cwd: string
  readonly environment: Environment
}

/** @throws {DocferryError} DOCFERRY_CONFIG, DOCFERRY_USAGE */
export async function pipelineJob(file: string, { flags, given, cwd, environment }: Asking): Promise<PipelineJob> {
  const { loadPipeline } = await import('../../pipeline/load.ts')
  const { makeStages } = await import('../../pipeline/make-stages.ts')
  const { askedOf, sourceOf, sourcesDigest } = await import('../../pipeline/run-options.ts')
  const { codeDigest } = await import('../../pipeline/code-digest.ts')
  const pipeline = withEnds(await loadPipeline(file, { environment, cwd, dotenv: flags.dotenv }), flags)
  const options = together(askedOf(pipeline), givenOptions(flags, given))
  const verify = given('verify') || ((pipeline.options.verify ?? false) && !flags.dryRun)
  const source = sourceOf(pipeline, environment)
  const code = codeDigest(pipeline)
  const sources = sourcesDigest(pipeline)
  const command = pipeline.targets.length > 1 ? randomUUID() : undefined
  const targets = pipeline.targets.map(({ name, address }) => {
    const target = parseEndpoint(address, 'target')
    const job: Job = {
      command: 'run',
      options: {
        stateDir: flags.stateDir,
        ...options,
        pipeline: {
          file: pipeline.path,
          target: name,
          sources,
          ...(command !== undefined && { together: command }),
          ...(code !== undefined && { code })
        },
        source,
        target: flags.force && target.connector === 'file' ? forced(target) : target.text
      },
      makeStages: around => makeStages(pipeline, { environment: around, target: name }),
      ...(flags.stage && { stages: flags.stage }),
      secrets: pipeline.secrets,
      dataOnStdout: isStandardStream(target),
      flags: { ...flags, verify }
    }
    return { name, job }
  })
  if (flags.force && !targets.some(({ job }) => String(job.options.target).startsWith('file:')))
    throw new DocferryError('DOCFERRY_USAGE', '--force is for a target file; for documents in a database there is --on-conflict overwrite')
  return { file, source, targets }
}

/** The ends that flags give stand in place of those of the file. */
export function withEnds(pipeline: Pipeline, { source, target }: Pick<PipelineFlags, 'source' | 'target'>): Pipeline {
  if (source !== undefined && pipeline.sources.length > 1)
    throw new DocferryError('DOCFERRY_USAGE', `--source: the pipeline has ${pipeline.sources.length} sources; change its file`)
  const [first] = pipeline.sources
  const targets: readonly PipelineTarget[] = [{ name: pipeline.targets[0]!.name, address: target ?? '' }]
  return {
    ...pipeline,
    ...(source !== undefined && { sources: [{ ...first!, address: parseEndpoint(source, '--source').text }] }),
    ...(target !== undefined && { targets })
  }
}

type Options = Omit<Job['options'], 'source' | 'target'>

/** Those that stand on the command line. */
function givenOptions(flags: PipelineFlags, given: (name: string) => boolean): Options {
  const names: Readonly<Record<string, string>> = { maxWriteUnits: 'maxWcu', maxReadUnits: 'maxRcu' }
  const isGiven = (name: string): boolean => (name === 'undo' ? given('undo') || given('undoable') : given(names[name] ?? name))
  return Object.fromEntries(Object.entries(runOptions(flags)).filter(([name, value]) => value !== undefined && isGiven(name)))
}

/** Flags win; names of collections and a preset stand for each other, and new names add up. */
function together(asked: Options, said: Options): Options {
  const chosen = said.collections ?? said.preset
  const { collections: _names, preset: _preset, ...rest } = asked
  const rename = { ...asked.rename, ...said.rename }
  return { ...(chosen === undefined ? asked : rest), ...said, ...(Object.keys(rename).length > 0 && { rename }) }
}

const helpText = `
Ends:
${endpointForms.map(form => `  ${form}`).join('\n')}

Examples:
  $ docferry run pipelines/couchdb-to-dynamodb.yaml --dry-run
  $ docferry run pipelines/couchdb-to-dynamodb.yaml --collections agents --verify
  $ docferry lint pipelines/*.yaml
`
