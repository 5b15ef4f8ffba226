/** The calls with which an end is opened: as patient as those of a run under way, but not with what waiting hardly mends. */
import type { DocferryError } from '../errors.ts'
import type { OpenContext } from '../types.ts'
import { withRetry } from './retry.ts'

/** From this failure on who waits is told for what. */
const toldFrom = 4

/** The system's codes for a connection that was made, and cut: somebody is there. */
export const connectionCuts: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE'])

export interface FirstCallOptions extends Pick<OpenContext, 'signal' | 'logger' | 'retry'> {
  /** Whether nobody seems to be there, or to take what is asked: a port on which nothing listens, a host that no name server knows, silence. */
  readonly isHopeless: (error: DocferryError) => boolean
  /** How many such failures in a row are enough. */
  readonly hopelessTries: number
}

/** `withRetry` for a first call. A server that answers, be it with failures, or cuts connections, is there, and may recover. */
export async function firstCall<T>(work: () => Promise<T>, options: FirstCallOptions): Promise<T> {
  const { signal, logger, retry, isHopeless, hopelessTries } = options
  let failures = 0
  let hopeless = 0
  return await withRetry(work, {
    ...retry,
    signal,
    givesUp: error => (hopeless = isHopeless(error) ? hopeless + 1 : 0) >= hopelessTries,
    onRetry: (error, delayMs) => {
      const level = ++failures === toldFrom ? 'warn' : 'info'
      logger[level]({ code: error.code, delayMs }, `trying again: ${error.message}`)
    }
  })
}
