/** What lies between the checks of a request and its beginning. */
import type { Backup } from '../../../contracts/backup.ts'
import type { AdminConnection } from './client.ts'
import type { Operation } from './messages.ts'
import type { CallSettings } from '../client.ts'

/** A request that was found right. */
export interface Begin {
  readonly planned: Backup
  /** @returns the operation that was begun, or what was made at once */
  readonly begin: (settings: CallSettings) => Promise<Operation | Backup>
}

/** What checks may ask. */
export interface BackupContext {
  readonly admin: AdminConnection
  /** Whether there is a document in a collection of this id, wherever it lies, or anywhere; undefined where the account may not see. */
  readonly holds: (collection: string | undefined, settings: CallSettings) => Promise<boolean | undefined>
  /** How far back the database's past reaches, where the account may see. */
  readonly earliest: (settings: CallSettings) => Promise<Date | undefined>
}
