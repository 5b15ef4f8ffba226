/** Ctrl-C and its kin: the first stops the run gently, the second at once. And whatever else ends the process in the middle of a command. */
import { setMaxListeners } from 'node:events'
import { DocferryError, errorTable } from '../errors.ts'

export interface SignalSource {
  on(event: NodeJS.Signals, listener: () => void): unknown
  on(event: 'exit', listener: () => void): unknown
  off(event: NodeJS.Signals, listener: () => void): unknown
  off(event: 'exit', listener: () => void): unknown
}

export interface InterruptionOptions {
  readonly process: SignalSource
  readonly now: () => number
  /** Tell the user that the first one was heard. */
  readonly onFirst: () => void
  /** Give the terminal back and leave. */
  readonly onSecond: (exitCode: number) => void
  /** The process ends before the command: give the terminal back. */
  readonly onExit: () => void
}

export interface Interruption {
  readonly signal: AbortSignal
  /** Abort from inside, for the same reasons and by the same path. */
  abort(reason: DocferryError): void
  /** Stop listening. */
  dispose(): void
}

const heard = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** A second signal within this time is the first again: npm and shells hand on to a child what the terminal sent it already. */
const sameKeyPressMs = 300

export function listenForInterruption({ process, now, onFirst, onSecond, onExit }: InterruptionOptions): Interruption {
  const controller = new AbortController()
  // every call that is under way listens to it, and Node would take more than ten for a leak
  setMaxListeners(0, controller.signal)
  let firstAtMs: number | undefined
  const listener = (): void => {
    if (firstAtMs === undefined) {
      firstAtMs = now()
      onFirst()
      controller.abort(new DocferryError('DOCFERRY_INTERRUPTED', 'interrupted'))
    } else if (now() - firstAtMs > sameKeyPressMs) {
      process.off('exit', onExit)
      onSecond(errorTable.DOCFERRY_INTERRUPTED.exit)
    }
  }
  for (const name of heard) process.on(name, listener)
  process.on('exit', onExit)
  return {
    signal: controller.signal,
    abort: reason => controller.abort(reason),
    dispose: () => {
      for (const name of heard) process.off(name, listener)
      process.off('exit', onExit)
    }
  }
}
