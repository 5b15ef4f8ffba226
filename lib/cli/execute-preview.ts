/** Run `docferry preview`. */
import { errorTable } from '../errors.ts'
import type { Pipeline } from '../pipeline/pipeline.ts'
import type { Preview } from '../pipeline/preview.ts'
import { interruptedBy } from './execute.ts'
import type { CommonFlags, Host } from './execute.ts'
import { errorJson } from './exit.ts'
import { runFramed } from './frame.ts'
import { previewJson, previewLines, troublesIn } from './preview-view.ts'
import { createMask } from './secrets.ts'

/** A preview command, understood. */
export interface PreviewJob {
  readonly file: string
  readonly pipeline: Pipeline
  readonly limit: number
  readonly collections?: readonly string[]
  readonly full: boolean
  readonly flags: CommonFlags
}

/** @returns the exit code: that of the run which would meet these documents */
export async function executePreview({ file, pipeline, limit, collections, full, flags }: PreviewJob, host: Host): Promise<number> {
  const { secrets } = pipeline
  const mask = createMask(host.argv, host.env, secrets)
  return await runFramed<Preview>(
    {
      flags,
      secrets,
      async work({ environment, signal, logger }) {
        const { previewPipeline } = await import('../pipeline/preview.ts')
        const work = previewPipeline(pipeline, { environment, signal, logger, limit, ...(collections && { collections }) })
        // Nothing is written: what a stage goes on with is not waited for.
        const stopped = new Promise<never>((_, reject) => {
          signal.addEventListener('abort', () => reject(interruptedBy(signal.reason)), { once: true })
        })
        return await Promise.race([work, stopped])
      },
      heading: () => [],
      progress: () => '',
      summary: (preview, { style }) => previewLines(preview, { mask, full, ...(style && { style }) }),
      json: ({ exitCode, report, error }) => ({
        command: 'preview',
        file,
        exitCode,
        ...(error === undefined ? {} : { error: errorJson(error, mask) }),
        ...(report && previewJson(report, mask))
      }),
      exitCode: preview => exitCodeOf(preview),
      stopping: 'stopping',
      stoppedAtOnce: () => 'nothing was changed',
      inShort: (_, exitCode) => `not all documents come through the stages (exit ${exitCode})`
    },
    host
  )
}

function exitCodeOf(preview: Preview): number {
  const troubles = troublesIn(preview)
  if (troubles.some(({ isDeadLetter }) => !isDeadLetter)) return errorTable.DOCFERRY_STAGE.exit
  const isClean = troubles.length === 0 && preview.collections.every(({ rejects }) => rejects.length === 0)
  return isClean ? 0 : errorTable.DOCFERRY_DEAD_LETTERS.exit
}
