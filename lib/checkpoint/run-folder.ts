/** The folder of one run: what it was asked, how far it has come, what it could not write. */
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { DocferryError, describeError } from '../errors.ts'
import type { Counts, RunReport } from '../report.ts'
import type { Partition, ProviderName } from '../types.ts'
import { checkpointFrom } from './checkpoint.ts'
import type { Checkpoint } from './checkpoint.ts'
import { isLocked, takeLock } from './lock.ts'
import type { Lock } from './lock.ts'
import { readState, writeState } from './state-file.ts'

/** What does not change while a run goes on. Plain JSON, without secrets. */
export interface RunRecord<Asked = unknown> {
  readonly runId: string
  /** ISO 8601, UTC. */
  readonly startedAt: string
  readonly asked: Asked
  /** The two ends as they were given, where that holds no secret. */
  readonly ends: { readonly source?: KeptEndpoint; readonly target?: KeptEndpoint }
  /** As the source was split when the run began: cursors mean places in these. */
  readonly partitions: readonly Partition[]
}

/** An address, or a connector's name and options. */
export type KeptEndpoint = string | { readonly connector: ProviderName; readonly options: object }

/** How a run ended, or that it has not. */
export interface RunEnd {
  readonly state: RunReport['state']
  readonly at: string
  readonly totals: Counts
}

/** A run as a list of runs shows it. */
export interface RunInfo {
  readonly runId: string
  readonly path: string
  readonly record: RunRecord
  /** `killed`: it says that it is running, and no process does. */
  readonly state: RunReport['state'] | 'killed'
  readonly end?: RunEnd
}

const files = { record: 'run.json', checkpoint: 'checkpoint.json', end: 'end.json' } as const

export class RunFolder {
  readonly path: string
  readonly #lock: Lock

  private constructor(path: string, lock: Lock) {
    this.path = path
    this.#lock = lock
  }

  /** Make the folder of a new run. @throws {DocferryError} DOCFERRY_STATE */
  static async create(stateDir: string, runId: string): Promise<RunFolder> {
    const path = folderOf(stateDir, runId)
    try {
      await mkdir(path, { recursive: true, mode: 0o700 })
    } catch (error) {
      throw new DocferryError('DOCFERRY_STATE', `the run folder ${path} can't be made: ${describeError(error)}`, { cause: error })
    }
    return new RunFolder(path, await takeLock(path, `run ${runId}`))
  }

  /** Take the folder of a run that is to be continued. @throws {DocferryError} DOCFERRY_STATE */
  static async open(stateDir: string, runId: string): Promise<RunFolder> {
    const path = folderOf(stateDir, runId)
    if ((await readState(join(path, files.record), 'run')) === undefined) throw noSuchRun(stateDir, runId)
    return new RunFolder(path, await takeLock(path, `run ${runId}`))
  }

  async record(): Promise<RunRecord> {
    return (await readState(join(this.path, files.record), 'run')) as RunRecord
  }

  async checkpoint(): Promise<Checkpoint | undefined> {
    const path = join(this.path, files.checkpoint)
    const content = await readState(path, 'checkpoint')
    return content === undefined ? undefined : checkpointFrom(content, path)
  }

  async begin(record: RunRecord): Promise<void> {
    await writeState(join(this.path, files.record), 'run', record)
  }

  async save(checkpoint: Checkpoint): Promise<void> {
    await writeState(join(this.path, files.checkpoint), 'checkpoint', checkpoint)
  }

  async end(end: RunEnd): Promise<void> {
    await writeState(join(this.path, files.end), 'end', end)
  }

  async close(): Promise<void> {
    await this.#lock.release()
  }
}

/** The runs of a state folder, the newest first. What is no run is left out. */
export async function listRuns(stateDir: string): Promise<RunInfo[]> {
  const parent = join(stateDir, 'runs')
  const names = await readdir(parent).catch((error: { code?: unknown }): string[] => {
    if (error.code === 'ENOENT') return []
    throw new DocferryError('DOCFERRY_STATE', `${parent} can't be read: ${describeError(error)}`, { cause: error })
  })
  const found: RunInfo[] = []
  for (const runId of names.sort().reverse()) {
    const path = join(parent, runId)
    const record = (await readState(join(path, files.record), 'run')) as RunRecord | undefined
    if (!record) continue
    const end = (await readState(join(path, files.end), 'end')) as RunEnd | undefined
    const state = (await isLocked(path)) ? 'running' : (end?.state ?? 'killed')
    found.push({ runId, path, record, state, ...(end && { end }) })
  }
  return found
}

function folderOf(stateDir: string, runId: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(runId))
    throw new DocferryError('DOCFERRY_USAGE', `${JSON.stringify(runId)} is no run id; docferry runs lists them`)
  return join(stateDir, 'runs', runId)
}

function noSuchRun(stateDir: string, runId: string): DocferryError {
  return new DocferryError(
    'DOCFERRY_STATE',
    `there is no run ${runId} in ${stateDir}; docferry runs lists them (--state-dir names another folder)`
  )
}
