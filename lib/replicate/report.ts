/** What a replication tells of itself: live while it goes on, final when it ends. */
import type { Begun, ReplicationCounts, ReplicationState, RevisionCounts, TargetRevisions } from '../contracts/replication.ts'
import type { Location } from '../types.ts'
import type { VerifyReport } from '../verify/report.ts'

export interface ReplicatedCollection {
  /** Its name in the source, and in the target. */
  readonly source: string
  readonly target: string
  /** Of the replication, for status and cancel. */
  id?: string
  /** `caught up`: continuous, and the source holds nothing that it has not dealt with. */
  state: 'waiting' | 'caught up' | ReplicationState
  how?: Begun['how']
  /** Whether the target's collection was created, and how many documents it held before. */
  created: boolean
  before: number
  counts: ReplicationCounts
  /** How often in a row it has crashed, and why the last time. */
  errors: number
  message?: string
  /** Whether it stays on the server. */
  isKept: boolean
  /** What was compared in the end. */
  revisions?: RevisionCounts
  onlyInTarget?: TargetRevisions
  verified?: VerifyReport
  startedAt?: number
  finishedAt?: number
}

export interface ReplicateReport {
  readonly source: Location
  readonly target: Location
  /** The server that replicates. */
  readonly on: Location
  readonly version: string
  readonly mode: 'one-time' | 'continuous'
  readonly transient: boolean
  readonly filter?: 'selector' | 'ids'
  /** Ids that were named, and of which no collection of the source knows anything. */
  unknownIds?: { readonly count: number; readonly examples: readonly string[] }
  phase: 'replicating' | 'verifying' | 'following' | 'ended'
  /** `begun`: not waited for. `partial`: the target refused documents, or an id that was named is nowhere in the source. `different`: they are not equal. */
  state: 'running' | 'begun' | 'done' | 'partial' | 'different' | 'interrupted' | 'failed'
  readonly collections: ReplicatedCollection[]
  /** What a user should know and would not see from the counts. */
  readonly notes: string[]
  /** Epoch milliseconds. */
  readonly startedAt: number
  finishedAt?: number
}

export const noReplicationCounts: ReplicationCounts = {
  revisionsChecked: 0,
  missingRevisions: 0,
  documentsRead: 0,
  documentsWritten: 0,
  writeFailures: 0
}

/** `pending` only where all of them tell it. */
export function totalReplicationCounts(collections: readonly ReplicatedCollection[]): ReplicationCounts {
  const sum = (key: keyof ReplicationCounts): number => collections.reduce((total, { counts }) => total + (counts[key] ?? 0), 0)
  const isKnown = collections.length > 0 && collections.every(({ counts }) => counts.pending !== undefined)
  return {
    revisionsChecked: sum('revisionsChecked'),
    missingRevisions: sum('missingRevisions'),
    documentsRead: sum('documentsRead'),
    documentsWritten: sum('documentsWritten'),
    writeFailures: sum('writeFailures'),
    ...(isKnown && { pending: sum('pending') })
  }
}

/** Whether both sides were compared, and no revision and no document differs. */
export function isComplete({ revisions, onlyInTarget, verified }: ReplicatedCollection): boolean {
  if (!revisions || !verified) return false
  return revisions.missing === 0 && (onlyInTarget?.undeleted ?? 0) === 0 && verified.state === 'equal'
}

/** Whether the server has done, or does, what was asked. */
export function isSettled({ state }: ReplicatedCollection): boolean {
  return state === 'completed' || state === 'caught up'
}
