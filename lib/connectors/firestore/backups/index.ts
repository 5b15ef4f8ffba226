/**
 * Firestore's own backups, by its Admin API: exports to and imports from a bucket, the backups that it makes by schedule, and the past of a
 * database. https://cloud.google.com/firestore/docs/backups, https://cloud.google.com/firestore/docs/manage-data/export-import
 */
import type { Backup, BackupFilter, BackupKind, BackupService, CreateRequest, RestoreRequest } from '../../../contracts/backup.ts'
import type { DocferryError } from '../../../errors.ts'
import type { Location, Logger, OpenContext } from '../../../types.ts'
import { connectAdmin, type AdminConnection } from './client.ts'
import { isMissing, isRefused, isUnfit, tasks } from './errors.ts'
import { dateOf, type BackupSchedule, type Operation, type ScheduledBackup } from './messages.ts'
import type { BackupContext, Begin } from './begin.ts'
import { prepareCreate } from './create.ts'
import { DocumentLook } from './look.ts'
import { configError, parseName, removalOf } from './names.ts'
import { prepareRestore } from './restore.ts'
import { isPointInTimeOn, tellBackup, tellOperation, tellPointInTime, tellSchedule } from './told.ts'
import type { CallSettings } from '../client.ts'
import type { FirestoreOptions } from '../options.ts'
import { definedOf } from '../../../values/defined.ts'

const operationKinds: readonly BackupKind[] = ['export', 'import', 'restore']

/** @throws {DocferryError} DOCFERRY_CONFIG, DOCFERRY_CONNECT, DOCFERRY_AUTH */
export async function openBackups(options: FirestoreOptions, context: OpenContext): Promise<BackupService> {
  return new FirestoreBackups(await connectAdmin(options, context), new DocumentLook(options, context.logger), context.logger)
}

class FirestoreBackups implements BackupService {
  readonly location: Location
  readonly #admin: AdminConnection
  readonly #look: DocumentLook
  readonly #logger: Logger
  readonly #context: BackupContext

  constructor(admin: AdminConnection, look: DocumentLook, logger: Logger) {
    this.location = admin.location
    this.#admin = admin
    this.#look = look
    this.#logger = logger
    this.#context = {
      admin,
      holds: (collection, settings) => look.holds(collection, settings),
      earliest: settings => this.#earliest(settings)
    }
  }

  async create(request: CreateRequest, settings: CallSettings): Promise<readonly Backup[]> {
    return [await this.#begin(await prepareCreate(this.#context, request, settings), settings)]
  }

  async restore(request: RestoreRequest, settings: CallSettings): Promise<readonly Backup[]> {
    return [await this.#begin(await prepareRestore(this.#context, request, settings), settings)]
  }

  async plan(asked: { create: CreateRequest } | { restore: RestoreRequest }, settings: CallSettings): Promise<readonly Backup[]> {
    const prepared =
      'create' in asked ? prepareCreate(this.#context, asked.create, settings) : prepareRestore(this.#context, asked.restore, settings)
    return [(await prepared).planned]
  }

  async #begin({ begin, planned }: Begin, settings: CallSettings): Promise<Backup> {
    const begun = await begin(settings)
    if ('kind' in begun) return begun
    const { state: _, message: __, ...known } = planned
    return { ...known, ...definedOf(this.#tell(begun) ?? { id: begun.name, kind: planned.kind, state: 'running' }) }
  }

  /** What the account may not see is left out, and said. */
  async list({ collections, kinds }: BackupFilter, settings: CallSettings): Promise<readonly Backup[]> {
    const wants = (kind: BackupKind): boolean => kinds === undefined || kinds.includes(kind)
    const parts: Promise<readonly Backup[]>[] = []
    if (operationKinds.some(wants)) parts.push(this.#operations(settings))
    if (wants('backup')) parts.push(this.#backups(settings))
    if (wants('schedule')) parts.push(this.#schedules(settings))
    if (wants('point-in-time')) parts.push(this.#pointInTime(kinds !== undefined, settings))
    const answers = await Promise.allSettled(parts)
    const refusals: DocferryError[] = []
    const found: Backup[] = []
    for (const answer of answers) {
      if (answer.status === 'fulfilled') found.push(...answer.value)
      else if (isRefused(answer.reason)) refusals.push(answer.reason)
      else if (!isMissing(answer.reason)) throw answer.reason
    }
    if (refusals.length === parts.length) throw refusals[0]!
    for (const { message } of refusals) this.#logger.warn({}, `not in the list: ${message}`)
    const asked = found.filter(backup => wants(backup.kind) && holdsAnyOf(backup, collections))
    return asked.sort((a, b) => (b.startedAt?.getTime() ?? 0) - (a.startedAt?.getTime() ?? 0))
  }

  async status(id: string, settings: CallSettings): Promise<Backup> {
    const { is, name } = parseName(id, this.#admin)
    const call = { request: { name }, routing: { name }, subject: name }
    switch (is) {
      case 'operation': {
        const told = this.#tell(await this.#admin.describeOperation(name, settings))
        if (told) return told
        throw configError(`${name} is neither an export nor an import nor a restore`)
      }
      case 'backup':
        return tellBackup(await this.#admin.ask<ScheduledBackup>({ ...call, method: 'GetBackup', task: tasks.backups }, settings))
      case 'schedule':
        return tellSchedule(
          await this.#admin.ask<BackupSchedule>({ ...call, method: 'GetBackupSchedule', task: tasks.schedules }, settings)
        )
      case 'database':
        return tellPointInTime(await this.#admin.describeDatabase(name, settings))
    }
  }

  async checkChange(change: 'delete' | 'cancel', id: string, settings: CallSettings): Promise<Backup> {
    const { is, name } = parseName(id, this.#admin)
    if (change === 'cancel' && is !== 'operation')
      throw configError(`${name} is no export, import or restore, and can't be cancelled; docferry backup delete removes it`)
    if (is === 'database') throw configError(`${name} is a database, which docferry deletes none of`)
    const now = await this.status(name, settings)
    if (change === 'cancel' && now.state !== 'running') throw configError(`${name} is over (${now.state}): there is nothing to cancel`)
    if (change === 'delete' && is === 'operation' && now.state === 'running')
      throw configError(`${name} is still running: cancel it first (docferry backup cancel)`)
    return now
  }

  /** An operation is only forgotten; a backup is gone for good. */
  async remove(id: string, settings: CallSettings): Promise<Backup> {
    const before = await this.checkChange('delete', id, settings)
    const { is, name } = parseName(id, this.#admin)
    const call = { request: { name }, routing: { name }, subject: name }
    if (is === 'backup') {
      await this.#admin.change({ ...call, method: 'DeleteBackup', task: tasks.removeBackup }, settings, isMissing)
      return { ...before, state: 'deleted' }
    }
    if (is === 'schedule') {
      await this.#admin.change({ ...call, method: 'DeleteBackupSchedule', task: tasks.removeSchedule }, settings, isMissing)
      return { ...before, state: 'deleted', message: 'backups that it made stay until they expire' }
    }
    await this.#admin.change({ ...call, method: 'DeleteOperation', task: tasks.forget }, settings, isMissing)
    const { kind, place } = before
    const left = kind === 'export' && place !== undefined ? `the files stay in the bucket: ${removalOf(place)}` : 'what it did stays'
    return { ...before, state: 'deleted', message: `no longer in Firestore's list; ${left}` }
  }

  async cancel(id: string, settings: CallSettings): Promise<Backup> {
    await this.checkChange('cancel', id, settings)
    const { name } = parseName(id, this.#admin)
    await this.#admin.change(
      { method: 'CancelOperation', request: { name }, routing: { name }, task: tasks.cancel, subject: name },
      settings,
      isUnfit
    )
    return await this.status(name, settings)
  }

  async pointInTime(
    collections: readonly string[] | undefined,
    change: 'on' | 'off' | undefined,
    { recoveryDays, ...settings }: CallSettings & { readonly recoveryDays?: number }
  ): Promise<readonly Backup[]> {
    if ((collections?.length ?? 0) > 0) throw configError('point-in-time recovery is of the whole database: leave the collections out')
    if (recoveryDays !== undefined && recoveryDays !== 7)
      throw configError(`${recoveryDays} days: Firestore's point-in-time recovery reaches 7 days back`)
    const name = this.#admin.database
    const before = await this.#admin.describeDatabase(name, settings)
    if (change === undefined || isPointInTimeOn(before) === (change === 'on')) return [tellPointInTime(before)]
    const pointInTimeRecoveryEnablement = `POINT_IN_TIME_RECOVERY_${change === 'on' ? 'ENABLED' : 'DISABLED'}`
    // The mask keeps all other settings of the database as they are.
    const request = { database: { name, pointInTimeRecoveryEnablement }, updateMask: { paths: ['point_in_time_recovery_enablement'] } }
    const call = { method: 'UpdateDatabase', request, routing: { 'database.name': name }, task: tasks.pointInTime, subject: change }
    const { error } = (await this.#admin.change<Operation>(call, settings)) ?? {}
    const told = tellPointInTime(await this.#admin.describeDatabase(name, settings))
    if (error) return [{ ...told, state: 'failed', message: error.message }]
    const isDone = told.state === (change === 'on' ? 'available' : 'off')
    return [isDone ? told : { ...told, message: `being switched ${change}: docferry backup status ${name}` }]
  }

  async close(): Promise<void> {
    await Promise.all([this.#admin.close(), this.#look.close()])
  }

  #tell(operation: Operation): Backup | undefined {
    const metadata = this.#admin.metadataOf(operation)
    return metadata && tellOperation(operation, metadata)
  }

  async #operations(settings: CallSettings): Promise<readonly Backup[]> {
    const operations = await this.#admin.operations(settings)
    return operations.map(operation => this.#tell(operation)).filter(told => told !== undefined)
  }

  /** Those of the database, wherever they lie; also of one that is deleted. */
  async #backups(settings: CallSettings): Promise<readonly Backup[]> {
    const parent = `${this.#admin.project}/locations/-`
    const call = { method: 'ListBackups', request: { parent }, routing: { parent }, task: tasks.backups }
    const answer = await this.#admin.ask<{ backups: readonly ScheduledBackup[]; unreachable: readonly string[] }>(call, settings)
    if (answer.unreachable.length > 0) {
      this.#logger.warn({}, `not in the list: backups in ${answer.unreachable.join(', ')}, which Firestore can't reach now`)
    }
    return answer.backups.filter(({ database }) => database === this.#admin.database).map(tellBackup)
  }

  async #schedules(settings: CallSettings): Promise<readonly Backup[]> {
    return (await this.#admin.schedules(settings)).map(tellSchedule)
  }

  /** @param always whether it is told also where it is off */
  async #pointInTime(always: boolean, settings: CallSettings): Promise<readonly Backup[]> {
    const told = tellPointInTime(await this.#admin.describeDatabase(this.#admin.database, settings))
    return always || told.state !== 'off' ? [told] : []
  }

  async #earliest(settings: CallSettings): Promise<Date | undefined> {
    try {
      return dateOf((await this.#admin.describeDatabase(this.#admin.database, settings)).earliestVersionTime)
    } catch (error) {
      if (isRefused(error)) return undefined
      throw error
    }
  }
}

/** An export of everything holds each. */
function holdsAnyOf({ collections = [] }: Backup, wanted: readonly string[] | undefined): boolean {
  return wanted === undefined || wanted.length === 0 || collections.length === 0 || wanted.some(name => collections.includes(name))
}
