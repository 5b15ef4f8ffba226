/** Run `docferry run`: as any run where there is one target; with several, one run for each, out of one reading. */
import { DocferryError, exitCodeOf } from '../errors.ts'
import type { RunReport } from '../report.ts'
import type { PipelineJob } from './commands/run.ts'
import { execute, stagesOf } from './execute.ts'
import type { Host, Job } from './execute.ts'
import { exitCodeFor } from './exit.ts'
import { fanOutHeading, fanOutJson, fanOutProgress, fanOutSummary } from './fan-out-view.ts'
import type { FanOutReport, TargetReport } from './fan-out-view.ts'
import { runFramed } from './frame.ts'
import { checkCanVerify, exitCodeOfVerified, verifyRun } from './verify-after.ts'

/** @returns the exit code */
export async function executePipeline(pipeline: PipelineJob, host: Host): Promise<number> {
  const [only, ...others] = pipeline.targets
  return others.length === 0 ? await execute(only!.job, host) : await executeFanOut(pipeline, host)
}

async function executeFanOut({ file, source, targets }: PipelineJob, host: Host): Promise<number> {
  const { flags, secrets, options } = targets[0]!.job
  const reports: TargetReport[] = targets.map(({ name }) => ({ name, exitCode: 0 }))
  const fanOut: FanOutReport = { file, targets: reports }
  return await runFramed<FanOutReport>(
    {
      flags,
      secrets,
      async work({ observe, ...around }) {
        for (const { job } of targets) checkCanVerify(job)
        const { migrate } = await import('../run.ts')
        const { sharedSource } = await import('../several/share-source.ts')
        const { TargetsApart } = await import('../plan/same-place.ts')
        const apart = new TargetsApart()
        const ends = sharedSource(source, targets.length, {
          ...around,
          subcollections: options.subcollections,
          ...(targets.some(({ job }) => job.options.attachments) && { attachments: 'checked' })
        })
        const open = new Set(reports)
        /** The last one begins the display. */
        const see = (target: TargetReport): void => {
          if (open.delete(target) && open.size === 0) observe(fanOut)
        }
        const runOne = async ({ job }: PipelineJob['targets'][number], index: number): Promise<void> => {
          const target = reports[index]!
          try {
            const stages = await stagesOf(job, around.environment)
            const seen = (report: Readonly<RunReport>): void => {
              refuseTwice(report, reports)
              target.report = report
              see(target)
            }
            target.report = await migrate({ ...job.options, ...around, source: ends[index]!, stages, observe: seen, apart })
          } catch (error) {
            target.error = error
          } finally {
            see(target)
          }
        }
        await Promise.all(targets.map(runOne))
        for (const [index, { job }] of targets.entries()) await verifyOne(job, reports[index]!, around)
        for (const target of reports) target.exitCode = exitCodeOfTarget(target)
        if (around.signal.aborted) throw reports.find(({ error }) => error !== undefined)?.error ?? around.signal.reason
        return fanOut
      },
      heading: fanOutHeading,
      progress: fanOutProgress,
      summary: fanOutSummary,
      json: fanOutJson,
      exitCode: () => worstOf(reports.map(({ exitCode }) => exitCode)),
      stopping: 'stopping: finishing what is in flight',
      stoppedAtOnce: () => 'docferry runs lists what can be gone on with',
      inShort: (_, exitCode) => `not all of the targets have all documents (exit ${exitCode})`
    },
    host
  )
}

/** Before anything is written. @throws {DocferryError} DOCFERRY_SAME_PLACE */
function refuseTwice({ target }: Readonly<RunReport>, reports: readonly TargetReport[]): void {
  const same = reports.find(({ report }) => report?.target.identity === target.identity)
  if (same)
    throw new DocferryError(
      'DOCFERRY_SAME_PLACE',
      `two targets are the same place: ${target.provider} ${target.address} is that of ${same.name} too; leave one of them out`
    )
}

async function verifyOne(job: Job, target: TargetReport, around: Parameters<typeof verifyRun>[2]): Promise<void> {
  if (!job.flags.verify || !target.report || target.error !== undefined) return
  try {
    target.verified = await verifyRun(job, target.report.runId, around)
  } catch (error) {
    target.error = error
  }
}

function exitCodeOfTarget({ error, report, verified }: TargetReport): number {
  const exitCode = error === undefined ? exitCodeFor({ report }) : exitCodeOf(error)
  return error === undefined && verified ? exitCodeOfVerified(verified, exitCode) : exitCode
}

/** What went most wrong: a bug, then what kept a run from its end, then what it could not write. */
function worstOf(codes: readonly number[]): number {
  const order = [1, 130, 50, 2, 10, 20, 30, 60, 40, 0]
  return order.find(code => codes.includes(code)) ?? 1
}
