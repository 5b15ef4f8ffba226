/** What each method does to the state, and refuses. */
import type { Handler, Plain } from './protocol.ts'
import { StatusError, refuse } from './protocol.ts'
import type { FirestoreState } from './state.ts'
import { isOver, notFound, status } from './state.ts'

const bucketUri = /^gs:\/\/([a-z\d][-_.a-z\d]*[a-z\d])((?:\/[^/]+)*)\/?$/
const newDatabaseId = /^(?:\(default\)|[a-z][a-z\d-]{2,61}[a-z\d])$/

/** Most on a page, whatever is asked for: less than any spec lists. */
const mostOnPage = 2

const texts = (value: unknown): readonly string[] => value as readonly string[]
const text = (value: unknown): string => value as string

export function methodsOf(state: FirestoreState): Readonly<Record<string, Handler>> {
  return {
    GetDatabase: ({ name }) => state.tellDatabase(state.database(text(name))),
    UpdateDatabase: request => updateDatabase(state, request),
    ExportDocuments: request => exportDocuments(state, request),
    ImportDocuments: request => importDocuments(state, request),
    RestoreDatabase: ({ parent, databaseId, backup }) => {
      const { state: condition } = state.backups.get(text(backup)) ?? notFound(`Backup '${text(backup)}' does not exist`)
      if (condition !== 'READY') throw new StatusError(status.failedPrecondition, 'The backup is not ready')
      const database = freeDatabase(state, parent, databaseId)
      return state.tell(state.begin('RestoreDatabase', database, { database, backup }, 100))
    },
    CloneDatabase: ({ parent, databaseId, pitrSnapshot }) => {
      const { database: source, snapshotTime } = pitrSnapshot as Plain
      state.checkSnapshot(state.database(text(source)), snapshotTime)
      const database = freeDatabase(state, parent, databaseId)
      return state.tell(state.begin('CloneDatabase', database, { database, pitrSnapshot }, 100))
    },
    ListBackups: () => ({ backups: [...state.backups.values()].map(backup => state.tellBackup(backup)), unreachable: state.unreachable }),
    GetBackup: ({ name }) => state.tellBackup(state.backups.get(text(name)) ?? notFound(`Backup '${text(name)}' does not exist`)),
    DeleteBackup: ({ name }) => (state.backups.delete(text(name)) ? {} : notFound(`Backup '${text(name)}' does not exist`)),
    ListBackupSchedules: ({ parent }) => {
      state.database(text(parent))
      return { backupSchedules: [...state.schedules.values()].filter(({ name }) => text(name).startsWith(`${text(parent)}/`)) }
    },
    GetBackupSchedule: ({ name }) => state.schedules.get(text(name)) ?? notFound(`Schedule '${text(name)}' does not exist`),
    CreateBackupSchedule: request => createSchedule(state, request),
    DeleteBackupSchedule: ({ name }) => (state.schedules.delete(text(name)) ? {} : notFound(`Schedule '${text(name)}' does not exist`)),
    ListOperations: request => listOperations(state, request),
    GetOperation: ({ name }) => {
      const operation = state.operation(text(name))
      if (state.workPerLook > 0) state.work(operation, state.workPerLook)
      return state.tell(operation)
    },
    CancelOperation: ({ name }) => {
      const operation = state.operation(text(name))
      if (isOver(operation)) throw new StatusError(status.failedPrecondition, 'The operation is done')
      operation.state = 'CANCELLING'
      return {}
    },
    DeleteOperation: ({ name }) => {
      if (!isOver(state.operation(text(name)))) throw new StatusError(status.failedPrecondition, 'The operation is not done')
      state.operations.delete(text(name))
      return {}
    },
    ListCollectionIds: ({ parent }) => ({ collectionIds: [...state.database(databaseOf(parent)).collections] }),
    RunQuery: ({ parent, structuredQuery }) => runQuery(state, parent, structuredQuery as Plain)
  }
}

function updateDatabase(state: FirestoreState, { database, updateMask }: Plain): Plain {
  const { name, pointInTimeRecoveryEnablement } = database as Plain
  const paths = (updateMask as { readonly paths: readonly string[] } | null)?.paths ?? []
  if (paths.join() !== 'point_in_time_recovery_enablement') refuse(`update_mask: ${paths.join()} is more than was asked for`)
  const known = state.database(text(name))
  known.pointInTime = pointInTimeRecoveryEnablement === 'POINT_IN_TIME_RECOVERY_ENABLED'
  return { name: `${known.name}/operations/update`, done: true }
}

function exportDocuments(state: FirestoreState, { name, collectionIds, outputUriPrefix, namespaceIds, snapshotTime }: Plain): Plain {
  const database = state.database(text(name))
  const [, bucket, path] =
    bucketUri.exec(text(outputUriPrefix)) ?? refuse(`output_uri_prefix ${text(outputUriPrefix)} is no Cloud Storage URI`)
  if (!state.buckets.has(bucket!)) notFound(`Google Cloud Storage bucket does not exist: ${bucket}`)
  checkUnique(collectionIds)
  if (snapshotTime) state.checkSnapshot(database, snapshotTime)
  const place = path === '' ? `gs://${bucket}/2026-01-02T03:04:05_12345` : text(outputUriPrefix)
  if (findExport(state, place)) refuse(`Path already exists: ${place}`)
  return state.tell(state.begin('ExportDocuments', database.name, { collectionIds, outputUriPrefix: place, namespaceIds, snapshotTime }))
}

function importDocuments(state: FirestoreState, { name, collectionIds, inputUriPrefix, namespaceIds }: Plain): Plain {
  const database = state.database(text(name))
  if (!bucketUri.test(text(inputUriPrefix))) refuse(`input_uri_prefix ${text(inputUriPrefix)} is no Cloud Storage URI`)
  checkUnique(collectionIds)
  const exported = findExport(state, text(inputUriPrefix))
  if (exported?.state !== 'SUCCESSFUL') notFound(`Google Cloud Storage file does not exist: ${text(inputUriPrefix)}`)
  const held = texts(exported.told.collectionIds)
  if (texts(collectionIds).some(id => !held.includes(id))) refuse('collection_ids: not in the export')
  return state.tell(state.begin('ImportDocuments', database.name, { collectionIds, inputUriPrefix, namespaceIds }))
}

function findExport(state: FirestoreState, place: string) {
  return [...state.operations.values()].find(({ kind, told }) => kind === 'ExportDocuments' && told.outputUriPrefix === place)
}

function checkUnique(collectionIds: unknown): void {
  if (new Set(texts(collectionIds)).size < texts(collectionIds).length) refuse('collection_ids: not unique')
  if (texts(collectionIds).some(id => id.includes('/'))) refuse('collection_ids: a path is no id')
}

function freeDatabase(state: FirestoreState, parent: unknown, databaseId: unknown): string {
  if (!newDatabaseId.test(text(databaseId))) refuse(`database_id ${text(databaseId)} is invalid`)
  const name = `${text(parent)}/databases/${text(databaseId)}`
  if (state.databases.has(name) || state.isBeingMade(name)) throw new StatusError(status.alreadyExists, `Database already exists: ${name}`)
  return name
}

function createSchedule(state: FirestoreState, { parent, backupSchedule }: Plain): Plain {
  state.database(text(parent))
  const { retention, dailyRecurrence, weeklyRecurrence } = backupSchedule as Plain
  const { seconds } = retention as { readonly seconds: string }
  if (Number(seconds) <= 0 || Number(seconds) > 14 * 7 * 86_400) refuse('retention: up to 14 weeks')
  if (!dailyRecurrence === !weeklyRecurrence) refuse('recurrence: exactly one of daily and weekly')
  const kind = dailyRecurrence ? 'daily' : 'weekly'
  const name = `${text(parent)}/backupSchedules/${kind}`
  if (state.schedules.has(name)) throw new StatusError(status.alreadyExists, `A ${kind} schedule exists already`)
  const recurrence = dailyRecurrence ? { dailyRecurrence } : { weeklyRecurrence }
  const schedule = { name, createTime: { seconds: 1_767_225_600 }, retention, ...recurrence }
  state.schedules.set(name, schedule)
  return schedule
}

/** Without a filter, those that are under way or failed; `done: true` for the others too, as Google's own words have it. */
function listOperations(state: FirestoreState, { name, filter, pageSize, pageToken }: Plain): Plain {
  if (!state.isBeingMade(text(name))) state.database(text(name))
  if (filter !== '' && (filter !== 'done: true' || !state.filters)) refuse(`filter ${text(filter)}: not understood`)
  const wanted = [...state.operations.values()].filter(
    operation =>
      operation.name.startsWith(`${text(name)}/operations/`) &&
      (filter === '' ? !isOver(operation) || operation.state === 'FAILED' : isOver(operation))
  )
  const [tokenFilter = filter, start = '0'] = pageToken === '' ? [] : text(pageToken).split('|')
  if (tokenFilter !== filter) refuse('page_token: of another list')
  const end = Number(start) + Math.min(Number(pageSize) || mostOnPage, mostOnPage)
  const page = wanted.slice(Number(start), end).map(operation => state.tell(operation))
  return { operations: page, nextPageToken: end < wanted.length ? `${text(filter)}|${end}` : '' }
}

const databaseOf = (parent: unknown): string => text(parent).replace(/\/documents$/, '')

function runQuery(state: FirestoreState, parent: unknown, { from }: Plain): Plain {
  const [{ collectionId, allDescendants } = { collectionId: '', allDescendants: false }] = from as readonly Plain[]
  if (allDescendants !== true) refuse('only queries over all descendants are known here')
  const { collections } = state.database(databaseOf(parent))
  const found = [...collections].find(id => collectionId === '' || collectionId === id)
  const readTime = { seconds: 1 }
  return found === undefined ? { readTime } : { readTime, document: { name: `${text(parent)}/${found}/one` } }
}
