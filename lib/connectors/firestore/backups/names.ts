/** What a user names: backups, operations, places, moments, databases. Each is checked before the service is asked. */
import { DocferryError } from '../../../errors.ts'

export function configError(message: string): DocferryError {
  return new DocferryError('DOCFERRY_CONFIG', `firestore: ${message}`, { provider: 'firestore' })
}

export interface BackupName {
  readonly is: 'operation' | 'backup' | 'schedule' | 'database'
  /** The whole resource name. */
  readonly name: string
}

const forms: readonly (readonly [BackupName['is'], RegExp])[] = [
  ['operation', /^projects\/([^/]+)\/databases\/[^/]+\/operations\/[^/]+$/],
  ['backup', /^projects\/([^/]+)\/locations\/[^/]+\/backups\/[^/]+$/],
  ['schedule', /^projects\/([^/]+)\/databases\/[^/]+\/backupSchedules\/[^/]+$/],
  ['database', /^projects\/([^/]+)\/databases\/[^/]+$/]
]

/**
 * @param text a resource name, or the bare id of an operation on the database, as gcloud takes it
 * @throws {DocferryError} DOCFERRY_CONFIG
 */
export function parseName(text: string, { project, database }: { readonly project: string; readonly database: string }): BackupName {
  if (/^[\w-]+$/.test(text)) return { is: 'operation', name: `${database}/operations/${text}` }
  for (const [is, form] of forms) {
    const [, owner] = form.exec(text) ?? []
    if (owner === undefined) continue
    if (`projects/${owner}` === project) return { is, name: text }
    throw configError(
      `${text} is of another project than ${project.slice('projects/'.length)}; name that one in the address: firestore://${owner}`
    )
  }
  const examples = `${database}/operations/ID, ${project}/locations/LOCATION/backups/ID`
  throw configError(`${text} is no name of a backup, export or import (${examples}); docferry backup list shows them`)
}

const bucketName = /^[a-z\d][-_.a-z\d]{1,220}[a-z\d]$/
const metadataFile = /\/[^/]+\.overall_export_metadata$/

/**
 * @param text `gs://bucket/prefix`; the file that an export ends with stands for its folder
 * @returns without a slash at the end
 * @throws {DocferryError} DOCFERRY_CONFIG
 */
export function bucketPlace(text: string, option: '--to' | '--from'): string {
  const place = text.replace(metadataFile, '').replace(/\/+$/, '')
  const match = /^gs:\/\/([^/]+)((?:\/[^/]+)*)$/.exec(place)
  if (match === null) throw configError(`${option} ${text}: Firestore writes and reads Google Cloud Storage only; write gs://bucket/prefix`)
  const [, bucket = '', prefix = ''] = match
  if (!bucketName.test(bucket)) throw configError(`${option} ${text}: ${bucket} can't be a bucket (3 or more of a-z, 0-9, -, _ and .)`)
  if (/[\r\n#[\]*?]/.test(prefix)) throw configError(`${option} ${text}: leave out #, [, ], * and ? and line breaks`)
  return place
}

/** How to be rid of the files, which Firestore does not do. */
export function removalOf(place: string): string {
  return `gcloud storage rm --recursive '${place}'`
}

/** A collection's id stands for all collections of that id, wherever they lie. @throws {DocferryError} DOCFERRY_CONFIG */
export function checkCollectionIds(collections: readonly string[] | undefined): readonly string[] {
  for (const id of collections ?? []) {
    if (id === '' || id.includes('/')) {
      const last = id.split('/').pop()
      throw configError(
        `collection "${id}": exports and imports take the last part of a path, and with it all collections of that name${last ? `; ${last}?` : ''}`
      )
    }
  }
  return [...new Set(collections ?? [])]
}

/** Whether these are the same collections, in whatever order. */
export function areSame(some: readonly string[] = [], others: readonly string[] = []): boolean {
  return some.toSorted().join('/') === others.toSorted().join('/')
}

const databaseId = /^[a-z][a-z\d-]{2,61}[a-z\d]$/
const likeUuid = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/

/** @throws {DocferryError} DOCFERRY_CONFIG */
export function newDatabaseId(id: string | undefined, from: string): string {
  if (id === undefined) throw configError(`--as: required; ${from} is restored into a new database, never into one that is there: name it`)
  if (id !== '(default)' && (!databaseId.test(id) || likeUuid.test(id))) {
    throw configError(
      `--as ${id}: a database's id has 4 to 63 of a-z, 0-9 and -, begins with a letter, ends with a letter or digit, and is no UUID`
    )
  }
  return id
}

/** @throws {DocferryError} DOCFERRY_CONFIG where it is no whole minute of the past, or before `earliest` */
export function checkMoment(at: Date, earliest: Date | undefined): void {
  const minute = 60_000
  const text = at.toISOString()
  if (at.getTime() % minute !== 0) {
    const near = new Date(Math.floor(at.getTime() / minute) * minute).toISOString()
    throw configError(`--at ${text}: Firestore keeps whole minutes; ${near.replace(':00.000Z', ':00Z')}?`)
  }
  if (at.getTime() > Date.now()) throw configError(`--at ${text} is in the future`)
  if (earliest && at < earliest) {
    throw configError(
      `--at ${text}: the database's past begins at ${earliest.toISOString()}. It reaches an hour back, and up to 7 days where point-in-time recovery is on`
    )
  }
}

/** Options of the service's own that a command may hand on. @throws {DocferryError} DOCFERRY_CONFIG, with all that are not known */
export function checkOptions(what: string, options: Texts = {}, known: readonly string[] = []): Texts {
  const unknown = Object.keys(options).filter(name => !known.includes(name))
  if (unknown.length === 0) return options
  throw configError(`${unknown.join(', ')}: not for ${what}, which takes ${known.join(', ') || 'no options'}`)
}

type Texts = Readonly<Record<string, string>>
