/** How far a run has come, read from its folder: the last checkpoint, and the steps behind it. */
import { join } from 'node:path'
import { checkpointFrom, Progress } from './checkpoint.ts'
import type { Checkpoint, Step } from './checkpoint.ts'
import { readProgress } from './progress-log.ts'
import { withSettled } from './settled.ts'
import type { ChainEnd } from './progress-log.ts'
import { readState } from './state-file.ts'

export const checkpointName = 'checkpoint.json'

export interface HowFar {
  readonly checkpoint: Checkpoint | undefined
  /** Behind the checkpoint. */
  readonly steps?: readonly Step[]
  readonly end?: ChainEnd
}

/** @throws {DocferryError} DOCFERRY_STATE where it is damaged or of another run */
export async function readCheckpoint(folder: string, runId: string): Promise<Checkpoint | undefined> {
  const path = join(folder, checkpointName)
  const content = await readState(path, 'checkpoint')
  if (content === undefined) return undefined
  return await withSettled(folder, checkpointFrom(content, { runId, path }))
}

/** @throws {DocferryError} DOCFERRY_STATE */
export async function howFar(folder: string, runId: string): Promise<HowFar> {
  const checkpoint = await readCheckpoint(folder, runId)
  const first = checkpoint ? checkpoint.log : 1
  return { checkpoint, ...(first !== undefined && (await readProgress(folder, { runId, first }))) }
}

/** As a checkpoint; undefined where the run has none. While a process is at work on it, rather too little than too much. */
export async function lastState(folder: string, runId: string): Promise<Checkpoint | undefined> {
  const { checkpoint, steps } = await howFar(folder, runId)
  return checkpoint && new Progress(checkpoint, steps).snapshot(checkpoint.retries, checkpoint.output, checkpoint.log)
}
