/** How V8 keeps the heap of a command that runs for long. */
import type * as v8 from 'node:v8'

type V8 = typeof v8

/** What every command needs is loaded by then, and the first collection is about to come. */
const limitsAfterMs = 400
/** From then on it is a stream that runs, and no command that is over soon. */
const streamsAfterMs = 1_000
/** A short run between files is over by then, and a longer one has loaded most of what it needs: where files are many, all of these are opened next. */
const filesAfterMs = 50
const againMs = 150
/** V8 itself waits for 8 MB, however small a heap is. */
const mostGarbage = 2 << 20
const mostAlive = 20 << 20
const lookAgainMs = 1_500

/**
 * V8 lets the heap of a stream grow to several times what is alive in it before it looks; a quarter less memory costs a few per cent of time. From
 * the moment on in which a flag is set, Node compiles its own modules anew, in place of taking what it has compiled: so not while all are being loaded.
 * Flags of what may be under way, such as marking, must not be touched: V8 ends a process for that.
 *
 * Each collection sets the limit for the next one, so that the flag does nothing before there is one. The first comes by itself within the first second, or does
 * not: so one is made then, which takes some ten milliseconds. Where little is alive V8's limit is far above it all the same: so one is made again whenever a
 * part of that has come, and what is left behind never grows with the time that a stream takes.
 *
 * The young generation grows with what outlives a look at it. Answers of databases do while they are put together, so that it may grow until the stream runs;
 * after that it would by and by, without being of use. V8 lets it grow again, in all threads, whenever one begins.
 */
export function tuneHeap(): void {
  after(limitsAfterMs, ({ setFlagsFromString: setFlags }) => {
    setFlags('--heap-growing-percent=40')
    if (isOfFiles) keepYoung(setFlags)
  })
  after(streamsAfterMs, async v8 => {
    const { setFlagsFromString: setFlags } = v8
    keepYoung(setFlags)
    collectAsItGrows(await collector(setFlags), () => bytesOf(v8, 'old_space'))
  })
}

let isOfFiles = false

/**
 * What comes are blocks of lines. What is made of them is gone at once, or waits for a target's answer, which no young generation is large enough for:
 * a small one stays near the processor. Flags are those of all threads, so not where threads that make objects are just beginning: theirs would stay too small.
 *
 * @param alone whether lines go to lines, and nobody looks into them: then no client of a database is still being loaded, and no thread makes objects
 */
export function expectFiles(alone: boolean): void {
  isOfFiles = true
  if (!alone) return
  after(filesAfterMs, ({ setFlagsFromString: setFlags }) => {
    keepYoung(setFlags)
    setInterval(() => keepYoung(setFlags), againMs).unref()
  })
}

function keepYoung(setFlags: V8['setFlagsFromString']): void {
  setFlags('--semi-space-growth-factor=1')
}

function after(ms: number, work: (v8: V8) => void | Promise<void>): void {
  setTimeout(() => void import('node:v8').then(work), ms).unref()
}

/** Now, and whenever as much has come that may be garbage. Where more is alive, V8 looks by itself in time. */
function collectAsItGrows(collect: () => void, oldBytes: () => number): void {
  collect()
  let alive = oldBytes()
  setInterval(() => {
    if (oldBytes() - alive < mostGarbage || alive > mostAlive) return
    collect()
    alive = oldBytes()
  }, lookAgainMs).unref()
}

function bytesOf({ getHeapSpaceStatistics }: V8, name: string): number {
  return getHeapSpaceStatistics().find(({ space_name: each }) => each === name)?.space_used_size ?? 0
}

/** @returns what collects all that is not alive */
async function collector(setFlags: V8['setFlagsFromString']): Promise<() => void> {
  const { runInNewContext } = await import('node:vm')
  // Only a context that is made while the flag stands has the function.
  setFlags('--expose-gc')
  const collectAll = runInNewContext('globalThis.gc') as (() => void) | undefined
  setFlags('--no-expose-gc')
  return () => collectAll?.()
}
