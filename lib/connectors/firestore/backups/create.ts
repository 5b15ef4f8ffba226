/** What `create` begins: an export to a bucket, or a schedule by which Firestore makes backups. */
import type { Backup, CreateRequest } from '../../../contracts/backup.ts'
import { DocferryError } from '../../../errors.ts'
import type { AdminConnection } from './client.ts'
import { tasks } from './errors.ts'
import { timestampOf, type BackupSchedule } from './messages.ts'
import { areSame, bucketPlace, checkCollectionIds, checkMoment, checkOptions, configError } from './names.ts'
import { tellSchedule } from './told.ts'
import type { CallSettings } from '../client.ts'
import type { Begin, BackupContext } from './begin.ts'

const createOptions = ['schedule', 'retention', 'namespaces']

/** @throws {DocferryError} DOCFERRY_CONFIG, DOCFERRY_NO_SUCH_COLLECTION */
export async function prepareCreate(context: BackupContext, request: CreateRequest, settings: CallSettings): Promise<Begin> {
  const options = checkOptions('a backup of Firestore', request.options, createOptions)
  if (request.name !== undefined) {
    throw configError('--name: Firestore keeps no names. Put it into the place: --to gs://bucket/name')
  }
  if (options.schedule !== undefined) return prepareSchedule(context.admin, request, options)
  if (options.retention !== undefined)
    throw configError('--option retention: goes with a schedule; files in a bucket stay until they are removed')
  if (request.to === undefined) {
    throw configError(
      '--to: required; Firestore makes backups of its own by a schedule only. Export to a bucket (--to gs://bucket/prefix), or make a schedule ' +
        '(--option schedule=daily or schedule=sunday, with --option retention=7d)'
    )
  }
  return prepareExport(context, { ...request, to: request.to }, settings)
}

async function prepareExport(
  { admin, holds, earliest }: BackupContext,
  { to, at, collections, options }: CreateRequest & { readonly to: string },
  settings: CallSettings
): Promise<Begin> {
  const place = bucketPlace(to, '--to')
  const collectionIds = checkCollectionIds(collections)
  if (at) checkMoment(at, await earliest(settings))
  // At another moment there may have been collections that are gone now.
  if (!at) await checkHoldSomething(collectionIds, holds, settings)
  const name = admin.database
  const request = {
    name,
    collectionIds,
    outputUriPrefix: place,
    namespaceIds: options?.namespaces?.split(',') ?? [],
    ...(at && { snapshotTime: timestampOf(at) })
  }
  return {
    planned: { id: '', kind: 'export', state: 'planned', place, collections: collectionIds, ...(at && { snapshotAt: at }) },
    begin: async settings => {
      const call = { method: 'ExportDocuments', request, routing: { name }, task: tasks.export, subject: `to ${place}` }
      return await admin.beginOperation(
        call,
        settings,
        ({ method, outputUriPrefix = '', collectionIds: held }) =>
          method === 'exportDocuments' && isIn(outputUriPrefix, place) && areSame(held, collectionIds)
      )
    }
  }
}

/** Where only a bucket is named, Firestore names the folder, by the time. */
function isIn(exported: string, place: string): boolean {
  const isBucket = !place.slice('gs://'.length).includes('/')
  return exported === place || (isBucket && /^\/\d{4}-\d\d-\d\dT[^/]+$/.test(exported.replace(place, '')))
}

/** A collection that is written wrongly would be exported without a word, as an empty one. */
async function checkHoldSomething(collections: readonly string[], holds: BackupContext['holds'], settings: CallSettings): Promise<void> {
  const missing: string[] = []
  for (const collection of collections) if ((await holds(collection, settings)) === false) missing.push(collection)
  if (missing.length === 0) return
  const message = `firestore: no document in a collection of this name: ${missing.join(', ')}; nothing was begun`
  throw new DocferryError('DOCFERRY_NO_SUCH_COLLECTION', message, { provider: 'firestore', collection: missing[0] })
}

const days = ['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY', 'SUNDAY']
/** https://cloud.google.com/firestore/docs/backups */
const mostDays = 98

function prepareSchedule(admin: AdminConnection, { to, at, collections }: CreateRequest, options: Readonly<Record<string, string>>): Begin {
  if (to !== undefined || at || (collections?.length ?? 0) > 0 || options.namespaces !== undefined) {
    throw configError('--option schedule: makes backups of the whole database, which Firestore keeps: leave out --to, --at and collections')
  }
  const { schedule = '', retention = '' } = options
  const day = schedule.toUpperCase()
  if (day !== 'DAILY' && !days.includes(day)) throw configError(`--option schedule=${schedule}: daily, or a day of the week (sunday)`)
  const [, count = '', unit = ''] = /^(\d{1,3})([dw])$/.exec(retention) ?? []
  const keptDays = Number(count) * (unit === 'w' ? 7 : 1)
  if (keptDays < 1 || keptDays > mostDays)
    throw configError(`--option retention=${retention}: how long to keep each, from 1d to 98d or 14w`)
  const backupSchedule = {
    retention: { seconds: keptDays * 86_400 },
    ...(day === 'DAILY' ? { dailyRecurrence: {} } : { weeklyRecurrence: { day } })
  }
  const name = { name: '', createTime: null }
  const told: Backup = tellSchedule({
    ...name,
    retention: { seconds: String(keptDays * 86_400) },
    ...(day !== 'DAILY' && { weeklyRecurrence: { day } })
  })
  return {
    planned: { ...told, state: 'planned' },
    begin: async settings => {
      const parent = admin.database
      const call = { method: 'CreateBackupSchedule', request: { parent, backupSchedule }, routing: { parent }, task: tasks.createSchedule }
      return tellSchedule(
        await admin.begin<BackupSchedule>(call, settings, async () => {
          const schedules = await admin.schedules(settings)
          return schedules.filter(({ weeklyRecurrence }) => Boolean(weeklyRecurrence) === (day !== 'DAILY'))
        })
      )
    }
  }
}
