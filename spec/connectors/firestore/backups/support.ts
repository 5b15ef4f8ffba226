import type { BackupService } from '../../../../lib/contracts/backup.ts'
import { firestoreConnector, type FirestoreOptions } from '../../../../lib/connectors/firestore/index.ts'
import type { FirestoreAdminServer } from '../../../support/firestore-admin/server.ts'
import { startFirestoreAdmin } from '../../../support/firestore-admin/server.ts'
import { listeningLogger } from '../support.ts'

export const project = 'projects/p'
export const database = `${project}/databases/(default)`
export const bucket = 'gs://bucket-1'

/** A project with one database, in which `agents` and `runs` hold documents, and one bucket. */
export async function startProject(): Promise<FirestoreAdminServer> {
  const server = await startFirestoreAdmin()
  server.state.addDatabase(database, ['agents', 'runs'])
  server.state.buckets.add('bucket-1')
  return server
}

export interface Bench {
  readonly server: FirestoreAdminServer
  readonly backups: BackupService
  /** The requests of this method, in order. */
  asked(method: string): object[]
}

/** Inside a `describe`: a project and its backups, new for each spec. */
export function useBackups(): Bench {
  let server: FirestoreAdminServer
  let backups: BackupService
  beforeEach(async () => {
    server = await startProject()
    backups = await openBackupsOf(server)
  })
  afterEach(async () => {
    await backups.close()
    server.close()
  })
  return {
    get server() {
      return server
    },
    get backups() {
      return backups
    },
    asked: method => server.seen.filter(each => each.method === method).map(({ request }) => request)
  }
}

export function optionsFor({ host }: { readonly host: string }, options: FirestoreOptions = {}): FirestoreOptions {
  return { project: 'p', emulator: host, admin: host, ...options }
}

export function openBackupsOf(
  server: FirestoreAdminServer,
  options?: FirestoreOptions,
  logger = listeningLogger()
): Promise<BackupService> {
  return firestoreConnector.openBackups!(optionsFor(server, options), { logger })
}

/** The last whole minute, so many before now. */
export function minutesAgo(minutes: number): Date {
  return new Date((Math.floor(Date.now() / 60_000) - minutes) * 60_000)
}
