/** Which run a command is for: the one that is named, or the last that fits. */
import { busy } from '../../checkpoint/lock.ts'
import { listRuns, noSuchRun } from '../../checkpoint/run-folder.ts'
import type { RunInfo, RunRecord } from '../../checkpoint/run-folder.ts'
import { parseEndpoint } from '../../config/endpoint.ts'
import { DocferryError } from '../../errors.ts'
import type { Endpoint } from '../../open.ts'
import { endOfRun } from '../../stages-of-run.ts'
import type { Environment } from '../../types.ts'

/** Of runs that have stopped and can be gone on with. */
export const resumableStates = ['killed', 'interrupted', 'failed'] as const satisfies readonly RunInfo['state'][]

export type ChosenRun = RunInfo & { readonly record: RunRecord }

export interface Choice {
  /** Its id, where one is named. A run that is named need not fit: whoever does the work says why not. */
  readonly runId: string | undefined
  readonly stateDir: string
  /** States of the runs that fit. */
  readonly fitting: readonly RunInfo['state'][]
  /** What one is called that fits: `run that can be continued`. */
  readonly what: string
  /** Runs that do not fit all the same. */
  readonly except?: (record: RunRecord) => boolean
  /** What to say besides where none fits. */
  readonly besides?: (runs: readonly RunInfo[]) => string | undefined
}

/** @throws {DocferryError} DOCFERRY_NO_SUCH_RUN; DOCFERRY_RUN_BUSY where none fits but one is under way; DOCFERRY_STATE where it is damaged */
export async function chooseRun({ runId, stateDir, fitting, what, except = () => false, besides }: Choice): Promise<ChosenRun> {
  const runs = await listRuns(stateDir)
  const found =
    runId === undefined
      ? runs.find(({ state, record }) => fitting.includes(state) && !(record && except(record)))
      : runs.find(run => run.runId === runId)
  if (!found) {
    const held = runId === undefined ? runs.find(({ holder }) => holder !== undefined) : undefined
    if (held?.holder) throw busy(`run ${held.runId}`, held.holder)
    if (runId !== undefined) throw noSuchRun(stateDir, `no run ${runId}`)
    const { code, message } = noSuchRun(stateDir, `no ${what}`)
    throw new DocferryError(code, [message, besides?.(runs)].filter(Boolean).join('; '))
  }
  const { record, trouble } = found
  if (!record) throw trouble
  return { ...found, record }
}

/** An end of the run, as a flag gives it, or as the run or its pipeline knows it. @throws {DocferryError} DOCFERRY_USAGE, DOCFERRY_CONFIG */
export async function endOf(
  { record }: ChosenRun,
  role: 'source' | 'target',
  { given, environment }: { readonly given: string | undefined; readonly environment: Environment }
): Promise<Endpoint> {
  return await endOfRun(record, role, { given: givenEnd(role, given), environment })
}

/** @throws {DocferryError} DOCFERRY_USAGE where it is no address */
export function givenEnd(role: 'source' | 'target', given: string | undefined): string | undefined {
  return given === undefined ? undefined : parseEndpoint(given, `--${role}`).text
}
