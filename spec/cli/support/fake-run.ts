/** A run without databases: reports as lib/run.ts makes them, moved along by the spec. */
import { collectionReport, emptyReport } from '../../../lib/report.ts'
import type { CollectionReport, RunReport } from '../../../lib/report.ts'

export const startMs = Date.UTC(2026, 0, 1)

export function fakeReport(changes: Partial<RunReport> = {}): RunReport {
  const report = emptyReport({
    runId: 'run-1',
    dryRun: false,
    onConflict: 'skip',
    onIncompatible: 'dead-letter',
    types: 'natural',
    source: { provider: 'couchdb', address: 'http://127.0.0.1:5984 as admin', identity: 'a' },
    target: { provider: 'dynamodb', address: 'us-east-1', identity: 'b' }
  })
  return { ...report, startedAt: startMs, ...changes }
}

export function fakeCollection(name: string, changes: Partial<CollectionReport> = {}): CollectionReport {
  return { ...collectionReport({ name, target: name }), ...changes }
}

/** A collection that has ended, everything written. */
export function doneCollection(name: string, documents: number, changes: Partial<CollectionReport> = {}): CollectionReport {
  return fakeCollection(name, {
    state: 'done',
    read: documents,
    written: documents,
    startedAt: startMs,
    finishedAt: startMs + 2000,
    ...changes
  })
}
