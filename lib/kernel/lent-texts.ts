/** Memory for lines that wait for their answers: side by side in a few large buffers, which are used again once nobody looks at any of them. */
import type { Packed } from '../packed.ts'
import { setFree } from '../values/free-memory.ts'
import { BufferPool } from './buffer-pool.ts'
import { copyBytes } from './copy-bytes.ts'

const slabBytes = 512 * 1024

interface Slab {
  readonly buffer: Buffer
  used: number
  /** Texts in it that somebody looks at. */
  lent: number
}

/** Left to the collector of garbage, many times as many would lie about as are under way. */
const slabs = new BufferPool(8)
let open: Slab | undefined

/** A copy that is the caller's until it is released, once. */
export function lendText(text: Buffer): Pick<Packed, 'text' | 'release'> {
  const slab = roomFor(text.length)
  const from = slab.used
  slab.used = copyBytes(text, slab.buffer, from)
  slab.lent++
  return {
    text: slab.buffer.subarray(from, slab.used),
    release() {
      slab.lent--
      giveBack(slab)
    }
  }
}

function roomFor(bytes: number): Slab {
  if (open && open.used + bytes <= open.buffer.length) return open
  const full = open
  open = { buffer: slabs.take(Math.max(slabBytes, bytes)), used: 0, lent: 0 }
  if (full) giveBack(full)
  return open
}

function giveBack(slab: Slab): void {
  if (slab.lent > 0) return
  if (slab === open) {
    setFree(slab.buffer)
    slab.used = 0
  } else slabs.give(slab.buffer)
}
