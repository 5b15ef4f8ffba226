import type { Command } from 'commander'
import { errorTable } from '../../errors.ts'
import type { Issue } from '../../pipeline/lint.ts'
import type { TestResult } from '../../pipeline/run-tests.ts'
import { coloursOf, completeEnvironment, readEnvFile } from '../environment.ts'
import type { Host } from '../execute.ts'
import { createMask } from '../secrets.ts'
import type { Mask } from '../secrets.ts'
import { createStyle, safe } from '../text.ts'

interface TestFlags {
  readonly json?: boolean
  readonly dotenv?: string
}

/** A file, and what came of its tests. */
interface Tested {
  readonly file: string
  readonly results: readonly TestResult[]
  /** Why there are no tests to run. */
  readonly issues: readonly Issue[]
  readonly mask: Mask
}

/** `docferry test` */
export function addTestCommand(program: Command, host: Host, done: (exitCode: number) => void): void {
  program
    .command('test')
    .description(
      'Run the tests of pipeline files: documents go through the stages as in a run, and what comes out is compared with what should. No source or target is opened. Exits with 60 where a test fails, and with 2 where a file is wrong or has no tests.'
    )
    .argument('<files...>', 'pipelines: .yaml, .json, .ts, .js')
    .option('--json', 'what came of each test as one JSON object on standard output')
    .option('--dotenv <path>', 'read variables from this file (default: .env, if there is one); the real environment wins')
    .addHelpText('after', helpText)
    .action(async (files: readonly string[], { json = false, dotenv }: TestFlags) => {
      completeEnvironment(host.env, readEnvFile({ ...(dotenv !== undefined && { file: dotenv }), cwd: host.cwd() }))
      const { sumLine, testJson, testLines } = await import('../test-view.ts')
      const { issueLine } = await import('../../pipeline/lint.ts')
      const style = createStyle(coloursOf(host.env) ?? Boolean(host.stdout.isTTY))
      const print = (lines: readonly string[]): void => void (json || host.stdout.write(lines.map(line => `${line}\n`).join('')))
      const tested: Tested[] = []
      for (const file of files) {
        const found = await testFile(file, host)
        tested.push(found)
        const { results, issues, mask } = found
        if (results.length > 0) print([safe(file), ...results.flatMap(result => testLines(result, { mask, style }))])
        print(issues.map(issue => safe(mask(issueLine(issue)))))
      }
      const results = tested.flatMap(({ results: own }) => own)
      if (results.length > 0) print([sumLine(results, { style })])
      const exitCode = exitCodeOf(tested)
      if (json) host.stdout.write(`${JSON.stringify({ command: 'test', exitCode, files: tested.map(asJson) })}\n`)
      done(exitCode)

      function asJson({ file, results: own, issues, mask }: Tested): object {
        return {
          file,
          ok: issues.length === 0 && own.every(({ passed }) => passed),
          tests: own.map(result => testJson(result, mask)),
          ...(issues.length > 0 && { issues: issues.map(issue => ({ ...issue, message: mask(issue.message) })) })
        }
      }
    })
}

async function testFile(file: string, host: Host): Promise<Tested> {
  const { examinePipeline } = await import('../../pipeline/examine.ts')
  const { runTests } = await import('../../pipeline/run-tests.ts')
  const { pipeline, issues } = await examinePipeline(file, { environment: host.env, cwd: host.cwd(), withoutEnds: true })
  const mask = createMask(host.argv, host.env, pipeline?.secrets)
  if (!pipeline) return { file, results: [], issues, mask }
  const none: Issue = { file, path: '', message: 'there are no tests in it: write tests: with a list of maps with in and out' }
  if (pipeline.tests.length === 0) return { file, results: [], issues: [none], mask }
  return { file, results: await runTests(pipeline, { environment: host.env }), issues, mask }
}

/** A file that is wrong weighs more than a test that fails. */
function exitCodeOf(tested: readonly Tested[]): number {
  if (tested.some(({ issues }) => issues.length > 0)) return errorTable.DOCFERRY_CONFIG.exit
  return tested.every(({ results }) => results.every(({ passed }) => passed)) ? 0 : errorTable.DOCFERRY_TEST.exit
}

const helpText = `
In a pipeline file:
  tests:
    - name: masks the e-mail
      collection: users                   # default: the first that is named
      in: { _id: u1, email: ada@b.c }     # a document, or a list of them
      out: { _id: u1, email: '***' }      # the same, or [] for none; 1 equals 1.0
      fails: u2                           # only where a stage must fail: for this document, a list of them, or true

Examples:
  $ docferry test pipelines/users.yaml
  $ docferry test pipelines/*.yaml --json
`
