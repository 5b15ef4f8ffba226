/** Run `docferry check`. */
import { constants } from 'node:fs'
import { access, readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { check } from '../check/check.ts'
import { codeOfCheck } from '../check/report.ts'
import type { CheckReport } from '../check/report.ts'
import { now } from '../clock.ts'
import { exists, replaceFile } from '../engine/atomic-file.ts'
import { describeError, DocferryError, errorTable } from '../errors.ts'
import { checkMarkdown } from './check-markdown.ts'
import { checkHeading, checkJson, checkProgress, checkSummary } from './check-view.ts'
import type { CheckJob } from './commands/check.ts'
import { loadStages } from './execute.ts'
import type { Host } from './execute.ts'
import { runFramed } from './frame.ts'

/** What is loaded when it is needed; specs put their own in place. */
export interface CheckEngine {
  readonly check: typeof check
}

/** @returns the exit code */
export async function executeCheck(
  { options, stages = [], strict, markdown, output, flags }: CheckJob,
  host: Host,
  loadEngine: () => Promise<CheckEngine> = () => import('../check/check.ts')
): Promise<number> {
  const exitCode = (report: Readonly<CheckReport>): number => {
    const code = codeOfCheck(report, { strict })
    return code === undefined ? 0 : errorTable[code].exit
  }
  return await runFramed<CheckReport>(
    {
      flags,
      async work({ environment, signal, logger, mask, observe, say }) {
        if (output !== undefined) await checkPlace(output)
        const engine = await loadEngine()
        const own = stages.length > 0 ? { stages: await loadStages(stages, environment) } : {}
        const file = resolve(host.cwd(), flags.dotenv ?? '.env')
        const environmentFile = (await exists(file)) ? { environmentFile: file } : {}
        const report = await engine.check({ ...options, ...own, ...environmentFile, environment, signal, logger, observe })
        if (output !== undefined) {
          const text = /\.json$/i.test(output)
            ? JSON.stringify(checkJson({ exitCode: exitCode(report), report, mask, nowMs: now() }), undefined, 2)
            : checkMarkdown(report).join('\n')
          await replaceFile(output, `${mask(text)}\n`)
          if (!markdown) say(() => [`saved ${output}`, ''])
        }
        return report
      },
      heading: (report, view) => (markdown ? [] : checkHeading(report, view)),
      progress: checkProgress,
      summary: (report, view) => (markdown ? checkMarkdown(report) : checkSummary(report, { ...view, strict })),
      json: outcome => checkJson(outcome),
      exitCode,
      stopping: 'stopping',
      stoppedAtOnce: () =>
        options.probeWrite ? 'what --probe-write has made may still be there: docferry-check-*' : 'nothing was changed',
      inShort: (report, code) => `the checklist is not all right (exit ${code}): ${failedIn(report)}`,
      erasesProgress: true
    },
    host
  )
}

function failedIn({ lines }: Readonly<CheckReport>): string {
  const failed = lines.filter(({ result }) => result === 'failed')
  return (failed.length > 0 ? failed : lines.filter(({ result }) => result === 'warning')).map(({ id }) => id).join(', ')
}

/** A list that can't be saved must not be found out at the end. @throws {DocferryError} DOCFERRY_CONFIG */
async function checkPlace(path: string): Promise<void> {
  try {
    await access(dirname(resolve(path)), constants.W_OK)
    if (!(await exists(path))) return
    const text = await readFile(path, 'utf8')
    if (text.startsWith('# Migration checklist') || /^\{\s*"command":\s*"check"/.test(text) || text === '') return
  } catch (error) {
    throw new DocferryError('DOCFERRY_CONFIG', `--output: ${path} can't be written: ${describeError(error)}`, { cause: error })
  }
  throw new DocferryError('DOCFERRY_CONFIG', `--output: ${path} exists already and is no checklist: give it another name`)
}
