/** What `restore` begins: an import of an export's files, or a new database of a backup or of a moment of the past. */
import type { Backup, RestoreRequest } from '../../../contracts/backup.ts'
import type { AdminConnection } from './client.ts'
import { isMissing, isRefused, tasks } from './errors.ts'
import { timestampOf, type Operation, type OperationMetadata } from './messages.ts'
import type { BackupContext, Begin } from './begin.ts'
import { areSame, bucketPlace, checkCollectionIds, checkMoment, checkOptions, configError, newDatabaseId, parseName } from './names.ts'
import { tellOperation } from './told.ts'
import type { CallSettings } from '../client.ts'

const importOptions = ['overwrite', 'namespaces']

/** @throws {DocferryError} DOCFERRY_CONFIG, DOCFERRY_NO_SUCH_BACKUP */
export async function prepareRestore(context: BackupContext, request: RestoreRequest, settings: CallSettings): Promise<Begin> {
  const { from, at } = request
  if (from === undefined) {
    if (at === undefined) throw configError('--from: required: a backup, gs://bucket/prefix of an export, or --at for a moment of the past')
    return await prepareClone(context, request, at, settings)
  }
  if (at !== undefined) throw configError('--at: a backup or export is of one moment already; leave out --at or --from')
  if (from.includes('://')) return await prepareImport(context, request, bucketPlace(from, '--from'), settings)
  const named = parseName(from, context.admin)
  if (named.is === 'operation')
    return await prepareImport(context, request, await placeOfExport(context.admin, named.name, settings), settings)
  if (named.is === 'backup') return await prepareRestoreDatabase(context.admin, request, named.name, settings)
  throw configError(
    `--from ${from}: is a ${named.is}; a backup, an export or gs://bucket/prefix is wanted. docferry backup list shows them`
  )
}

async function placeOfExport(admin: AdminConnection, name: string, settings: CallSettings): Promise<string> {
  const operation = await admin.describeOperation(name, settings)
  const metadata = admin.metadataOf(operation)
  if (metadata?.outputUriPrefix === undefined) throw configError(`--from ${name}: is no export`)
  checkIsWhole(operation, metadata)
  return metadata.outputUriPrefix
}

/** Part of an export can't be imported. */
function checkIsWhole(operation: Operation, metadata: OperationMetadata): void {
  const { state, place } = tellOperation(operation, metadata)
  if (state === 'available') return
  throw configError(
    `--from: the export to ${place} ${state === 'running' ? 'is not done yet' : `has ${state === 'failed' ? 'failed' : 'been cancelled'}`}; an import wants a whole one`
  )
}

async function prepareImport(context: BackupContext, request: RestoreRequest, place: string, settings: CallSettings): Promise<Begin> {
  const { admin } = context
  const options = checkOptions("Firestore's import", request.options, importOptions)
  if (request.as !== undefined) {
    throw configError(
      `--as: an import goes into the database that the address names; firestore://${admin.project.slice(9)}?database=${request.as}?`
    )
  }
  if (options.overwrite !== undefined && !/^(?:yes|no)$/.test(options.overwrite))
    throw configError(`--option overwrite=${options.overwrite}: yes or no`)
  const asked = checkCollectionIds(request.collections)
  const exported = await knownExport(admin, place, settings)
  if (exported) checkHolds(asked, exported, place)
  const affected = asked.length > 0 ? asked : (exported?.collectionIds ?? [])
  if (options.overwrite !== 'yes') await checkNothingThere(context, affected, settings)
  const name = admin.database
  const body = { name, collectionIds: asked, inputUriPrefix: place, namespaceIds: options.namespaces?.split(',') ?? [] }
  const planned: Backup = {
    id: '',
    kind: 'import',
    state: 'planned',
    place,
    collections: affected,
    message: 'documents of the same name are overwritten, others stay'
  }
  return {
    planned,
    begin: settings => {
      const call = { method: 'ImportDocuments', request: body, routing: { name }, task: tasks.import, subject: `from ${place}` }
      return admin.beginOperation(
        call,
        settings,
        ({ method, inputUriPrefix = '', collectionIds: held }) =>
          method === 'importDocuments' && inputUriPrefix.replace(/\/+$/, '') === place && areSame(held, asked)
      )
    }
  }
}

/** What the database itself still knows of the export: nothing where it is another database's, or older than 30 days. */
async function knownExport(admin: AdminConnection, place: string, settings: CallSettings): Promise<OperationMetadata | undefined> {
  let operations: readonly Operation[]
  try {
    operations = await admin.operations(settings)
  } catch (error) {
    if (isMissing(error) || isRefused(error)) return undefined
    throw error
  }
  for (const operation of operations) {
    const metadata = admin.metadataOf(operation)
    if (metadata?.outputUriPrefix?.replace(/\/+$/, '') !== place) continue
    checkIsWhole(operation, metadata)
    return metadata
  }
  return undefined
}

function checkHolds(asked: readonly string[], { collectionIds = [] }: OperationMetadata, place: string): void {
  if (asked.length === 0) return
  if (collectionIds.length === 0) {
    throw configError(
      `${place} is an export of everything, of which Firestore imports all or nothing: leave the collections out, or export them by name`
    )
  }
  const missing = asked.filter(collection => !collectionIds.includes(collection))
  if (missing.length > 0) throw configError(`${place} does not hold ${missing.join(', ')}; it holds ${collectionIds.join(', ')}`)
}

async function checkNothingThere({ admin, holds }: BackupContext, collections: readonly string[], settings: CallSettings): Promise<void> {
  const rule = 'an import overwrites documents of the same name and removes none. If that is wanted, say --option overwrite=yes'
  const held: (string | undefined)[] = []
  for (const collection of collections.length > 0 ? collections : [undefined]) {
    const there = await holds(collection, settings)
    if (there === undefined)
      throw configError(`the account may not see whether there are documents already (roles/datastore.viewer); ${rule}`)
    if (there) held.push(collection)
  }
  if (held.length === 0) return
  const what = held[0] === undefined ? `the database ${admin.database.split('/').pop()}` : `collection ${held.join(', ')}`
  throw configError(`${what} holds documents already: ${rule}, or import into an empty database (firestore://project?database=other)`)
}

async function prepareRestoreDatabase(
  admin: AdminConnection,
  request: RestoreRequest,
  backup: string,
  settings: CallSettings
): Promise<Begin> {
  const call = { method: 'GetBackup', request: { name: backup }, routing: { name: backup }, task: tasks.backups, subject: backup }
  const { state } = await admin.ask<{ readonly state: string }>(call, settings)
  if (state !== 'READY') throw configError(`${backup} can't be restored now: Firestore says ${state}`)
  return await intoNewDatabase(admin, request, 'a backup', settings, {
    method: 'RestoreDatabase',
    body: { backup },
    routing: () => ({ parent: admin.project }),
    task: tasks.restore
  })
}

async function prepareClone(context: BackupContext, request: RestoreRequest, at: Date | 'latest', settings: CallSettings): Promise<Begin> {
  const { admin } = context
  const moment = at === 'latest' ? new Date(Math.floor(Date.now() / 60_000) * 60_000) : at
  checkMoment(moment, await context.earliest(settings))
  const { planned, begin } = await intoNewDatabase(admin, request, 'a moment of the past', settings, {
    method: 'CloneDatabase',
    body: { pitrSnapshot: { database: admin.database, snapshotTime: timestampOf(moment) } },
    routing: () => ({ project_id: admin.project.split('/')[1]!, database_id: admin.database.split('/')[3]! }),
    task: tasks.clone
  })
  return { planned: { ...planned, snapshotAt: moment }, begin }
}

interface NewDatabase {
  readonly method: string
  readonly body: object
  readonly routing: () => Readonly<Record<string, string>>
  readonly task: (typeof tasks)['restore' | 'clone']
}

async function intoNewDatabase(
  admin: AdminConnection,
  { as, collections, options }: RestoreRequest,
  from: string,
  settings: CallSettings,
  { method, body, routing, task }: NewDatabase
): Promise<Begin> {
  checkOptions('a restore into a new database', options)
  if ((collections?.length ?? 0) > 0) {
    throw configError(
      `${from} is restored whole: leave the collections out. Single collections come back by an export (--collections, --at) and an import`
    )
  }
  const databaseId = newDatabaseId(as, from)
  await checkIsFree(admin, databaseId, settings)
  return {
    planned: { id: '', kind: 'restore', state: 'planned', place: databaseId },
    begin: settings => {
      const request = { parent: admin.project, databaseId, ...body }
      const database = `${admin.project}/databases/${databaseId}`
      const call = { method, request, routing: routing(), task, subject: `as ${databaseId}` }
      return admin.beginOperation(call, settings, told => told.database === database, database)
    }
  }
}

async function checkIsFree(admin: AdminConnection, databaseId: string, settings: CallSettings): Promise<void> {
  try {
    await admin.describeDatabase(`${admin.project}/databases/${databaseId}`, settings)
  } catch (error) {
    // Where the account may not look, the service itself refuses a database that is there.
    if (isMissing(error) || isRefused(error)) return
    throw error
  }
  throw configError(`--as ${databaseId}: there is a database of this id; a restore goes into a new one only`)
}
