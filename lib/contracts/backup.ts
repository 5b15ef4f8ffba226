/**
 * Backups that a database makes and keeps by itself: asked for, followed, listed, restored and deleted through its own API. What a connector gives
 * where its service has such a thing; documents never pass through docferry here.
 */
import type { Location } from './place.ts'

/**
 * What a service keeps or does. `backup`: a copy that it keeps itself. `export`, `import`: to and from the service's bucket.
 * `restore`: into a new collection or database. `point-in-time`: continuous backups, of which any moment can be restored. `schedule`: by which the
 * service makes backups again and again.
 */
export type BackupKind = (typeof backupKinds)[number]
export const backupKinds = ['backup', 'export', 'import', 'restore', 'point-in-time', 'schedule'] as const

/**
 * `available`: done, and what it made can be used. `off`: continuous backups that are switched off. `planned`: it would be begun, which `plan` tells.
 * `unknown`: in the service's own word, which is in `message`.
 */
export type BackupState = 'running' | 'available' | 'failed' | 'cancelled' | 'deleted' | 'off' | 'planned' | 'unknown'

/** One backup, export, import or restore, as the service tells it now. */
export interface Backup {
  /** The service's own name of it, which every command takes: an ARN, an operation's or a backup's resource name. Empty where it was not begun. */
  readonly id: string
  readonly kind: BackupKind
  readonly state: BackupState
  /** The name that a user gave it, where the service keeps one. */
  readonly name?: string
  /** What it holds; missing or empty: all there is. */
  readonly collections?: readonly string[]
  readonly startedAt?: Date
  readonly finishedAt?: Date
  /** The moment whose documents it holds, where that is another than the start. */
  readonly snapshotAt?: Date
  /** Of continuous backups: between which moments any can be restored. */
  readonly restorable?: { readonly from: Date; readonly until: Date }
  readonly expiresAt?: Date
  /** Where it lies, or goes: `s3://bucket/prefix`, `gs://bucket/prefix`; of a restore, the table or database. */
  readonly place?: string
  readonly documents?: number
  readonly bytes?: number
  /** How far it is, where the service tells: work done of work reckoned with. */
  readonly progress?: Progress
  /** Why it failed, or what a user should know, in words. Without secrets and contents. */
  readonly message?: string
}

export interface Progress {
  readonly documents?: { readonly done: number; readonly of?: number }
  readonly bytes?: { readonly done: number; readonly of?: number }
  /** Of the whole, where that is all that is told. */
  readonly percent?: number
}

export interface CreateRequest {
  /** Missing: every collection that there is. */
  readonly collections?: readonly string[]
  /** Leave those of `collections` out that are not there. Default: that is an error where the service can tell. */
  readonly ifThere?: boolean
  /** A name to find it by; the connector completes it where the service wants one per collection. */
  readonly name?: string
  /** A bucket to export to, `s3://bucket/prefix` or `gs://bucket/prefix`. Missing: a backup that the service keeps itself. */
  readonly to?: string
  /** Export what was there at this moment. */
  readonly at?: Date
  /** The service's own further options, checked by the connector. */
  readonly options?: Readonly<Record<string, string>>
}

export interface RestoreRequest {
  /** A backup's id, the name that it was given, a bucket's address, or undefined together with `at`. */
  readonly from?: string
  /** Restore what was there at this moment, by point-in-time recovery. `latest`: as late as the service can. */
  readonly at?: Date | 'latest'
  readonly collections?: readonly string[]
  /** Leave those of `collections` out of which there is nothing to restore. */
  readonly ifThere?: boolean
  /** The new collection's or database's name. */
  readonly as?: string
  readonly options?: Readonly<Record<string, string>>
}

/** What a user may narrow a list by. */
export interface BackupFilter {
  readonly collections?: readonly string[]
  readonly kinds?: readonly BackupKind[]
}

/** A service's own backups. Closed by whoever opened it. */
export interface BackupService {
  readonly location: Location
  /**
   * Begin; returns as soon as the service has taken it. Everything is checked before the first is begun. Where a later one of several is refused, those that were begun
   * are returned with it, as one that has `failed`.
   *
   * @throws {DocferryError} DOCFERRY_CONFIG, DOCFERRY_PERMISSION, DOCFERRY_NO_COLLECTION and what else keeps all of it from beginning
   */
  create(request: CreateRequest, options: { readonly signal?: AbortSignal }): Promise<readonly Backup[]>
  /** Newest first. */
  list(filter: BackupFilter, options: { readonly signal?: AbortSignal }): Promise<readonly Backup[]>
  /** @throws {DocferryError} DOCFERRY_NO_SUCH_BACKUP, DOCFERRY_CONFIG where it is no id of this service */
  status(id: string, options: { readonly signal?: AbortSignal }): Promise<Backup>
  /** Begin, as `create`. Never into what is there already. */
  restore(request: RestoreRequest, options: { readonly signal?: AbortSignal }): Promise<readonly Backup[]>
  /**
   * What `create` or `restore` would begin, checked as they do, and beginning nothing: each is `planned`. Throws as they do. Missing where the service's
   * own checks can't be had without beginning.
   */
  plan?(
    asked: { readonly create: CreateRequest } | { readonly restore: RestoreRequest },
    options: { readonly signal?: AbortSignal }
  ): Promise<readonly Backup[]>
  /**
   * Whether it can be deleted or cancelled, changing nothing.
   *
   * @returns what it is now
   * @throws {DocferryError} DOCFERRY_CONFIG where it is of a kind or in a state that can't be; and as `status`
   */
  checkChange(change: 'delete' | 'cancel', id: string, options: { readonly signal?: AbortSignal }): Promise<Backup>
  /** @returns what is left of it, told as a user would want to know: exported files stay in their bucket */
  remove(id: string, options: { readonly signal?: AbortSignal }): Promise<Backup>
  /** Missing where the service can't stop what it has begun. */
  cancel?(id: string, options: { readonly signal?: AbortSignal }): Promise<Backup>
  /**
   * Switch continuous backups on or off, or tell of them; missing where the service has none that can be switched per collection.
   *
   * @param options `recoveryDays`: how far back they shall reach, where they are switched on; `ifThere`: leave collections out that are not there
   */
  pointInTime?(
    collections: readonly string[] | undefined,
    change: 'on' | 'off' | undefined,
    options: { readonly signal?: AbortSignal; readonly recoveryDays?: number; readonly ifThere?: boolean }
  ): Promise<readonly Backup[]>
  close(): Promise<void>
}
