/** How V8 keeps the heap of a command that runs for long. */

/** What every command needs is loaded by then, and the first collection is about to come. */
const limitsAfterMs = 400
/** From then on it is a stream that runs, and no command that is over soon. */
const streamsAfterMs = 1_000

let makesObjects = false

/** Blocks of documents will be made into objects, and these into text again at once. */
export function expectObjects(): void {
  makesObjects = true
}

/**
 * V8 lets the heap of a stream grow to several times what is alive in it before it looks; a quarter less memory costs a few per cent of time. From
 * the moment on in which a flag is set, Node compiles its own modules anew, in place of taking what it has compiled: so not while all are being loaded.
 *
 * Each collection sets the limit for the next one, so that the flag does nothing before there is one. The first comes by itself within the first second, or does
 * not: so one is made then, but of blocks of objects, which make enough of them, which takes some ten milliseconds, and what is left behind never grows with the time that a stream takes.
 *
 * Where documents are made into objects, the young generation has grown by then to what it may be; it grows no more where few objects are made, and
 * where it would by and by, without being of use, for the few that outlive every look at it. Where blocks of objects are made, marking what is alive
 * beside the work takes a fifth of all CPU time, and has two cores wait for each other: done at once when the heap is full, it takes some milliseconds.
 */
export function tuneHeap(): void {
  after(limitsAfterMs, async () => {
    if (!makesObjects) await limit()
  })
  after(streamsAfterMs, async () => {
    await limit()
    const { setFlagsFromString } = await import('node:v8')
    setFlagsFromString('--semi-space-growth-factor=1')
    if (makesObjects) setFlagsFromString('--no-incremental-marking')
    else await collect()
  })
}

async function limit(): Promise<void> {
  const { setFlagsFromString } = await import('node:v8')
  setFlagsFromString('--heap-growing-percent=40')
}

function after(ms: number, work: () => Promise<void>): void {
  setTimeout(() => void work(), ms).unref()
}

/** All that is not alive. */
async function collect(): Promise<void> {
  const [{ setFlagsFromString }, { runInNewContext }] = await Promise.all([import('node:v8'), import('node:vm')])
  // Only a context that is made while the flag stands has the function.
  setFlagsFromString('--expose-gc')
  const collectAll = runInNewContext('globalThis.gc') as (() => void) | undefined
  setFlagsFromString('--no-expose-gc')
  collectAll?.()
}
