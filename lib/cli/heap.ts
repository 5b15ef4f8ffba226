/** How V8 keeps the heap of a command that runs for long. */
import type { setFlagsFromString } from 'node:v8'

/** What every command needs is loaded by then, and the first collection is about to come. */
const limitsAfterMs = 400
/** From then on it is a stream that runs, and no command that is over soon. */
const streamsAfterMs = 1_000

/**
 * V8 lets the heap of a stream grow to several times what is alive in it before it looks; a quarter less memory costs a few per cent of time. From
 * the moment on in which a flag is set, Node compiles its own modules anew, in place of taking what it has compiled: so not while all are being loaded.
 * Flags of what may be under way, such as marking, must not be touched: V8 ends a process for that.
 *
 * Each collection sets the limit for the next one, so that the flag does nothing before there is one. The first comes by itself within the first second, or does
 * not: so one is made then, which takes some ten milliseconds, and what is left behind never grows with the time that a stream takes.
 *
 * Where documents are made into objects, the young generation has grown by then to what it may be; it grows no more where few objects are made, and
 * where it would by and by, without being of use, for the few that outlive every look at it.
 */
export function tuneHeap(): void {
  after(limitsAfterMs, setFlags => setFlags('--heap-growing-percent=40'))
  after(streamsAfterMs, async setFlags => {
    setFlags('--semi-space-growth-factor=1')
    await collect(setFlags)
  })
}

function after(ms: number, work: (setFlags: typeof setFlagsFromString) => void | Promise<void>): void {
  setTimeout(() => void import('node:v8').then(v8 => work(v8.setFlagsFromString)), ms).unref()
}

/** All that is not alive. */
async function collect(setFlags: typeof setFlagsFromString): Promise<void> {
  const { runInNewContext } = await import('node:vm')
  // Only a context that is made while the flag stands has the function.
  setFlags('--expose-gc')
  const collectAll = runInNewContext('globalThis.gc') as (() => void) | undefined
  setFlags('--no-expose-gc')
  collectAll?.()
}
