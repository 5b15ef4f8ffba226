/** Run `docferry replicate` and the commands below it. */
import { errorTable } from '../errors.ts'
import { openReplicator } from '../open.ts'
import type { replicate } from '../replicate/replicate.ts'
import type { ReplicateReport } from '../replicate/report.ts'
import type { Replicator } from '../contracts/replication.ts'
import type { ReplicateJob, ReplicationsJob } from './commands/replicate.ts'
import type { Host } from './execute.ts'
import { runFramed } from './frame.ts'
import { replicateHeading, replicateJson, replicateProgress, replicateSummary, shownEnd } from './replicate-view.ts'
import { replicationLines, replicationsJson } from './replications-view.ts'
import type { ReplicationsReport } from './replications-view.ts'

/** What is loaded when it is needed; specs put their own in place. */
export interface ReplicateEngine {
  readonly replicate: typeof replicate
}

/** @returns the exit code */
export async function executeReplicate(
  { options, on, flags }: ReplicateJob,
  host: Host,
  loadEngine: () => Promise<ReplicateEngine> = () => import('../replicate/replicate.ts')
): Promise<number> {
  const goesOn = options.transient
    ? 'stopping: what is under way is cancelled'
    : 'stopping to follow it: the server goes on until it is cancelled there'
  return await runFramed<ReplicateReport>(
    {
      flags,
      async work({ environment, signal, logger, observe }) {
        const engine = await loadEngine()
        return await engine.replicate({ ...options, environment, signal, logger, observe })
      },
      heading: replicateHeading,
      progress: replicateProgress,
      summary: (report, view) => replicateSummary(report, on, view),
      json: outcome => replicateJson(outcome, on),
      exitCode({ state }) {
        if (state === 'partial') return errorTable.DOCFERRY_DEAD_LETTERS.exit
        return state === 'different' ? errorTable.DOCFERRY_VERIFY.exit : 0
      },
      stopping: goesOn,
      stoppedAtOnce: () => `see what is left on the server: docferry replicate list --on ${shownEnd(on)}`,
      inShort: ({ state }, exitCode) =>
        `${state === 'partial' ? 'not all that was asked for is in the target' : 'both sides are not equal'} (exit ${exitCode})`
    },
    host
  )
}

/** @returns the exit code */
export async function executeReplications({ action, id, on, flags }: ReplicationsJob, host: Host): Promise<number> {
  return await runFramed<ReplicationsReport>(
    {
      flags,
      async work({ environment, signal, logger }) {
        const replicator = await openReplicator({ on }, { environment, signal, logger })
        try {
          return await act(replicator, action, id, signal)
        } finally {
          await replicator.close()
        }
      },
      heading: () => [],
      progress: () => '',
      summary: replicationLines,
      json: replicationsJson,
      exitCode: ({ isMissing }) => (isMissing ? errorTable.DOCFERRY_NO_SUCH_COLLECTION.exit : 0),
      stopping: 'stopping',
      stoppedAtOnce: () => 'what was asked may have been done',
      inShort: (_, exitCode) => `there is no replication ${id ?? ''} (exit ${exitCode})`
    },
    host
  )
}

async function act(
  replicator: Replicator,
  action: ReplicationsJob['action'],
  id: string | undefined,
  signal: AbortSignal
): Promise<ReplicationsReport> {
  const about = { action, on: replicator.location, version: replicator.version, ...(id !== undefined && { id }) }
  if (id === undefined) return { ...about, replications: await replicator.list({ signal }), isMissing: false }
  const found = action === 'cancel' ? await replicator.cancel(id, { signal }) : await replicator.look(id, { signal })
  const isMissing = found === undefined || (action === 'status' && found.state === 'gone')
  return { ...about, replications: isMissing ? [] : [found], isMissing }
}
