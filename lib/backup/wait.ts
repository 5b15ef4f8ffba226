/** Waiting for what a service has begun, by asking how far it is. */
import { now } from '../clock.ts'
import type { Backup, BackupService } from '../contracts/backup.ts'
import { defaultAttempts, retryDelayMs, sleep } from '../engine/retry.ts'
import { DocferryError } from '../errors.ts'
import { isSettled } from './report.ts'

export interface WaitOptions {
  /** Time between two questions, in milliseconds. Default: 2 s at first, growing to 30 s. */
  readonly pollMs?: number
  /** Give up waiting after this time, in milliseconds; what the service does goes on. Default: never. */
  readonly timeoutMs?: number
  /** How often in a row a question may fail for a passing trouble, over all that is waited for. Default `defaultAttempts`. */
  readonly attempts?: number
  readonly signal?: AbortSignal
  /** Told of all of them, in their order, whenever one was looked at. */
  readonly onLook?: (backups: readonly Backup[]) => void
  readonly onRetry?: (error: DocferryError, delayMs: number) => void
}

const firstPollMs = 2_000
const mostPollMs = 30_000
const growth = 1.5

/** What was begun a moment ago may not be known to every host of the service yet. */
const mostMissing = 5

/** Questions in a row that are answered with a state that docferry doesn't know: then nothing more can be said. */
const mostUnknown = 20

interface Watched {
  backup: Backup
  looks: number
  unknown: number
}

/**
 * Ask until the service is done with each of them, well or not, or the time is over.
 *
 * @returns each as it was seen last, in the order given; after `timeoutMs` some are still `running`
 * @throws {DocferryError} whatever asking throws that does not pass; the signal's reason
 */
export async function waitForBackups(
  service: BackupService,
  begun: readonly Backup[],
  { pollMs, timeoutMs = Infinity, attempts = defaultAttempts, signal, onLook, onRetry }: WaitOptions = {}
): Promise<readonly Backup[]> {
  const watched: Watched[] = begun.map(backup => ({ backup, looks: 0, unknown: 0 }))
  const seen = (): readonly Backup[] => watched.map(({ backup }) => backup)
  const isOpen = ({ backup, unknown }: Watched): boolean => backup.id !== '' && !isSettled(backup) && unknown < mostUnknown
  const until = now() + timeoutMs
  let interval = pollMs ?? firstPollMs
  let failures = 0
  while (watched.some(isOpen)) {
    const leftMs = until - now()
    if (leftMs <= 0) break
    await sleep(Math.min(interval, leftMs), signal)
    interval = pollMs ?? Math.min(mostPollMs, interval * growth)
    for (const each of watched.filter(isOpen)) {
      try {
        const backup = await service.status(each.backup.id, { signal })
        failures = 0
        each.backup = backup
        each.looks++
        each.unknown = backup.state === 'unknown' ? each.unknown + 1 : 0
        onLook?.(seen())
      } catch (error) {
        signal?.throwIfAborted()
        if (!(error instanceof DocferryError)) throw error
        const isNew = error.code === 'DOCFERRY_NO_SUCH_BACKUP' && each.looks === 0 && ++each.unknown <= mostMissing
        if (!isNew && (!error.retryable || ++failures >= attempts)) throw error
        const delayMs = retryDelayMs(failures || 1, { baseMs: pollMs ?? firstPollMs, capMs: mostPollMs, retryAfterMs: error.retryAfterMs })
        onRetry?.(error, delayMs)
        await sleep(Math.min(delayMs, Math.max(0, until - now())), signal)
      }
    }
  }
  return seen()
}
