/** What a command on a service's own backups tells of itself, live and final. */
import type { Backup, BackupFilter, CreateRequest, RestoreRequest } from '../contracts/backup.ts'
import type { Location } from '../types.ts'

/** What is asked of the service. */
export type BackupAction =
  | { readonly do: 'create'; readonly request: CreateRequest }
  | { readonly do: 'restore'; readonly request: RestoreRequest }
  | { readonly do: 'list'; readonly filter: BackupFilter & { readonly name?: string } }
  | { readonly do: 'status' | 'delete' | 'cancel'; readonly ids: readonly string[] }
  | {
      readonly do: 'point-in-time'
      readonly collections?: readonly string[]
      readonly ifThere?: boolean
      readonly change?: 'on' | 'off'
      /** How many days back any moment can be restored; as many as the service can, where it is missing. */
      readonly recoveryDays?: number
    }

/**
 * `done`: all that was asked. `going on`: the service is still at work, and nobody waits for it. `partial`: some or all of it has failed, or was not done in the
 * time that was given. `failed`, `interrupted`: it ended with an error; what was begun is in `backups` all the same.
 */
export type BackupReportState = 'running' | 'done' | 'going on' | 'partial' | 'failed' | 'interrupted'

/** Kept up to date in place while the command works. Times in epoch milliseconds. */
export interface BackupReport {
  readonly action: BackupAction['do']
  readonly location: Location
  readonly dryRun: boolean
  /** Whether the service can be told to stop what it does. */
  readonly canCancel: boolean
  state: BackupReportState
  backups: readonly Backup[]
  readonly startedAt: number
  finishedAt?: number
  /** Whether the time that was given for waiting is over. */
  timedOut?: true
  /** How often asking how far it is was tried again. */
  retries: number
}

/** Whether the service is done with it, well or not. */
export function isSettled({ state }: Backup): boolean {
  return state !== 'running' && state !== 'unknown'
}

/** What becomes of the report where nothing was thrown. */
export function stateOf(action: BackupAction['do'], backups: readonly Backup[], waited: boolean): BackupReportState {
  if (action === 'list') return 'done'
  // Of what has no id it is not even known whether it was begun.
  if (backups.some(({ state, id }) => state === 'failed' || (state === 'unknown' && id === ''))) return 'partial'
  if (action === 'create' || action === 'restore' || waited) {
    if (backups.some(({ state }) => state === 'cancelled' || state === 'deleted')) return 'partial'
    if (backups.some(backup => !isSettled(backup))) return waited ? 'partial' : 'going on'
  }
  return 'done'
}
