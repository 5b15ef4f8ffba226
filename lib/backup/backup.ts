/** A service's own backups: ask for one, follow it, list, restore and remove them. Documents never pass through here. */
import { now } from '../clock.ts'
import type { Backup, BackupService } from '../contracts/backup.ts'
import { closeEnd } from '../engine/close-end.ts'
import { DocferryError } from '../errors.ts'
import { openBackups, silentLogger } from '../open.ts'
import type { Endpoint } from '../open.ts'
import type { Environment, Logger } from '../types.ts'
import { stateOf } from './report.ts'
import { changeEach, checkEach } from './change-each.ts'
import type { BackupAction, BackupReport } from './report.ts'
import { waitForBackups } from './wait.ts'
import type { WaitOptions } from './wait.ts'

export interface BackupOptions {
  /** `dynamodb`, `dynamodb://eu-central-1`, `firestore://project`, or a connector with its options. */
  readonly provider: Endpoint
  readonly action: BackupAction
  /** Whether and how to wait until the service is done. Default: not at all, and what was begun is told as it is then. */
  readonly wait?: Pick<WaitOptions, 'pollMs' | 'timeoutMs' | 'attempts'> | boolean
  /** Check everything, change nothing, and report what would be begun or removed. */
  readonly dryRun?: boolean
  /** Asked before something is removed that can't be had back, with what it is. Default: it is removed. */
  readonly confirm?: (what: readonly Backup[]) => Promise<boolean>
  /** What bare provider names are configured by. Default: nothing. */
  readonly environment?: Environment
  /** Aborting it ends the waiting, with DOCFERRY_INTERRUPTED. What the service has begun goes on. */
  readonly signal?: AbortSignal
  readonly logger?: Logger
  /** Called once, before anything is changed. The report is then kept up to date in place. */
  readonly observe?: (report: Readonly<BackupReport>) => void
}

/**
 * Do one thing with a service's own backups.
 *
 * @returns the final report; its `state` is `partial` where some or all of it has failed
 * @throws {DocferryError} DOCFERRY_USAGE where the service has no such thing or `confirm` says no; DOCFERRY_CONFIG, DOCFERRY_CONNECT, DOCFERRY_AUTH,
 * DOCFERRY_PERMISSION, DOCFERRY_NO_SUCH_COLLECTION, DOCFERRY_NO_SUCH_BACKUP, DOCFERRY_BACKUP
 */
export async function backup(options: BackupOptions): Promise<BackupReport> {
  const { provider, action, dryRun = false, environment, signal, logger = silentLogger, observe } = options
  signal?.throwIfAborted()
  const service = await openBackups(provider, { environment, signal, logger })
  const report: BackupReport = {
    action: action.do,
    location: service.location,
    dryRun,
    canCancel: service.cancel !== undefined,
    state: 'running',
    backups: [],
    startedAt: now(),
    retries: 0
  }
  try {
    checkCan(service, action, dryRun)
    if (!dryRun) await askBefore(service, options)
    observe?.(report)
    report.backups = dryRun ? await wouldDo(service, action, signal) : await act(service, action, report, signal)
    // Of an interruption in the middle of several, those that were begun are known by now.
    if (action.do !== 'list') signal?.throwIfAborted()
    const waited = await waitForAll(service, options, report)
    report.state = dryRun ? 'done' : stateOf(action.do, report.backups, waited)
    return report
  } catch (error) {
    report.state = signal?.aborted ? 'interrupted' : 'failed'
    throw error
  } finally {
    report.finishedAt = now()
    await closeEnd(service, logger)
  }
}

/** @throws {DocferryError} DOCFERRY_USAGE */
function checkCan(service: BackupService, action: BackupAction, dryRun: boolean): void {
  const { provider } = service.location
  const refuse = (message: string): never => {
    throw new DocferryError('DOCFERRY_USAGE', message, { provider })
  }
  if (action.do === 'cancel' && !service.cancel)
    refuse(`${provider} can't stop what it has begun: wait for its end, and delete what it made`)
  if (action.do === 'point-in-time' && !service.pointInTime)
    refuse(`${provider} has no continuous backups that can be switched by this command`)
  if (dryRun && (action.do === 'create' || action.do === 'restore') && !service.plan)
    refuse(`--dry-run: ${provider} can't be asked what it would do without beginning it`)
}

async function askBefore(service: BackupService, { action, confirm, signal }: BackupOptions): Promise<void> {
  const isRemoval = action.do === 'delete' || (action.do === 'point-in-time' && action.change === 'off')
  if (!isRemoval || !confirm) return
  if (await confirm(await wouldDo(service, action, signal))) return
  signal?.throwIfAborted()
  throw new DocferryError('DOCFERRY_USAGE', 'not confirmed: nothing was changed')
}

/** What a change is about, as it is now. */
async function wouldDo(service: BackupService, action: BackupAction, signal: AbortSignal | undefined): Promise<readonly Backup[]> {
  switch (action.do) {
    case 'create':
      return await service.plan!({ create: action.request }, { signal })
    case 'restore':
      return await service.plan!({ restore: action.request }, { signal })
    case 'list':
      return await list(service, action.filter, signal)
    case 'point-in-time':
      return await service.pointInTime!(action.collections, undefined, { signal, ifThere: action.ifThere })
    case 'delete':
    case 'cancel':
      return await checkEach(service, action.do, action.ids, signal)
    case 'status':
      return await inTurn(action.ids, id => service.status(id, { signal }))
  }
}

async function act(
  service: BackupService,
  action: BackupAction,
  report: BackupReport,
  signal: AbortSignal | undefined
): Promise<readonly Backup[]> {
  const see = (backups: readonly Backup[]): unknown => (report.backups = backups)
  switch (action.do) {
    case 'create':
      return await service.create(action.request, { signal })
    case 'restore':
      return await service.restore(action.request, { signal })
    case 'list':
      return await list(service, action.filter, signal)
    case 'status':
      return await inTurn(action.ids, id => service.status(id, { signal }), see)
    case 'delete':
    case 'cancel':
      return await changeEach(service, action.do, action.ids, { signal, see })
    case 'point-in-time':
      return await service.pointInTime!(action.collections, action.change, {
        signal,
        recoveryDays: action.recoveryDays,
        ifThere: action.ifThere
      })
  }
}

async function list(service: BackupService, { name, ...filter }: Filter, signal: AbortSignal | undefined): Promise<readonly Backup[]> {
  const found = await service.list(filter, { signal })
  return name === undefined ? found : found.filter(each => each.name === name)
}

type Filter = Extract<BackupAction, { do: 'list' }>['filter']

async function inTurn(
  ids: readonly string[],
  work: (id: string) => Promise<Backup>,
  see: (backups: readonly Backup[]) => unknown = () => undefined
): Promise<readonly Backup[]> {
  const done: Backup[] = []
  for (const id of new Set(ids)) {
    done.push(await work(id))
    see([...done])
  }
  return done
}

/** @returns whether there was anything to wait for */
async function waitForAll(service: BackupService, options: BackupOptions, report: BackupReport): Promise<boolean> {
  const { action, wait = false, signal } = options
  const takesTime = action.do === 'create' || action.do === 'restore' || action.do === 'status'
  if (!wait || !takesTime || report.dryRun) return false
  const { timeoutMs = Infinity, ...how } = wait === true ? {} : wait
  report.backups = await waitForBackups(service, report.backups, {
    ...how,
    timeoutMs,
    signal,
    onLook: backups => (report.backups = backups),
    onRetry: () => report.retries++
  })
  if (report.backups.some(({ state }) => state === 'running') && now() - report.startedAt >= timeoutMs) report.timedOut = true
  return true
}
