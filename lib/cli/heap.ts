/** How V8 keeps the heap of a command that runs for long. */

/** From then on it is a stream that runs, and no command that is over soon. */
const streamsAfterMs = 1_000

/**
 * V8 lets the heap of a stream grow to several times what is alive in it before it looks; a quarter less memory costs a few per cent of time. From
 * the moment on in which a flag is set, Node compiles its own modules anew, in place of taking what it has compiled: so not while all are being loaded.
 *
 * Where documents are made into objects, the young generation has grown by then to what it may be; it grows no more where few objects are made, and
 * where it would by and by, without being of use, for the few that outlive every look at it.
 */
export function tuneHeap(): void {
  setTimeout(() => {
    void import('node:v8').then(({ setFlagsFromString }) => {
      setFlagsFromString('--heap-growing-percent=40')
      setFlagsFromString('--semi-space-growth-factor=1')
    })
  }, streamsAfterMs).unref()
}
