import type { Command } from 'commander'
import { errorTable } from '../../errors.ts'
import type { Examined } from '../../pipeline/examine.ts'
import { completeEnvironment, readEnvFile } from '../environment.ts'
import type { Host } from '../execute.ts'
import { createMask } from '../secrets.ts'
import { plural, safe } from '../text.ts'

interface LintFlags {
  readonly json?: boolean
  readonly dotenv?: string
}

/** A file and what was found in it. */
interface Linted extends Examined {
  readonly file: string
}

/** `docferry lint` */
export function addLintCommand(program: Command, host: Host, done: (exitCode: number) => void): void {
  program
    .command('lint')
    .description(
      'Check pipeline files: every issue at once, each with its place and what was probably meant. Nothing is connected to; modules that a file names are loaded. Exits with 2 where something is wrong.'
    )
    .argument('<files...>', 'pipelines: .yaml, .json, .ts, .js')
    .option('--json', 'the issues as one JSON object on standard output')
    .option('--dotenv <path>', 'read variables from this file (default: .env, if there is one); the real environment wins')
    .addHelpText('after', helpText)
    .action(async (files: readonly string[], { json = false, dotenv }: LintFlags) => {
      const { examinePipeline } = await import('../../pipeline/examine.ts')
      completeEnvironment(host.env, readEnvFile({ ...(dotenv !== undefined && { file: dotenv }), cwd: host.cwd() }))
      // A module reads the process's own.
      const environment = host.env
      const linted: Linted[] = []
      for (const file of files) linted.push({ file, ...(await examinePipeline(file, { environment, cwd: host.cwd(), dotenv })) })
      const exitCode = linted.every(({ pipeline }) => pipeline) ? 0 : errorTable.DOCFERRY_CONFIG.exit
      const { issueLine } = await import('../../pipeline/lint.ts')
      const lines = linted.flatMap(found => (found.pipeline ? [okLine(found.file, found.pipeline)] : found.issues.map(issueLine)))
      const mask = createMask(host.argv, environment)
      host.stdout.write(json ? `${mask(JSON.stringify(asJson(linted, exitCode)))}\n` : lines.map(line => `${safe(mask(line))}\n`).join(''))
      done(exitCode)
    })
}

type Pipeline = NonNullable<Examined['pipeline']>

function okLine(file: string, pipeline: Pipeline): string {
  const { sources, targets, stages, tests } = countsOf(pipeline)
  const several = targets > 1 ? [plural(targets, 'target')] : []
  return `${file}: ok (${[plural(sources, 'source'), ...several, plural(stages, 'stage'), plural(tests, 'test')].join(', ')})`
}

function countsOf({
  sources,
  targets,
  collections = [],
  stages,
  tests
}: Pipeline): Record<'sources' | 'targets' | 'stages' | 'tests', number> {
  const own = [...sources, ...collections].reduce((sum, part) => sum + part.stages.length, 0)
  return { sources: sources.length, targets: targets.length, stages: stages.length + own, tests: tests.length }
}

function asJson(linted: readonly Linted[], exitCode: number): object {
  const files = linted.map(({ file, pipeline, issues }) =>
    pipeline ? { file, ok: true, ...countsOf(pipeline), issues } : { file, ok: false, issues }
  )
  return { command: 'lint', exitCode, files }
}

const helpText = `
Examples:
  $ docferry lint pipelines/users.yaml
  $ docferry lint pipelines/*.yaml --json
`
