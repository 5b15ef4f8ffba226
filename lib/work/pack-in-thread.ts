/** What a thread does that packs blocks. Loaded as a worker, by `pack-thread.ts`. */
import { workerData } from 'node:worker_threads'
import { openKernel } from '../kernel/instance.ts'
import type { MemoryBlock } from '../kernel/kernel.ts'
import type { Packed } from '../packed.ts'
import { doTasks } from './do-tasks.ts'
import { packHere } from './pack-here.ts'
import type { PackTask } from './pack-here.ts'
import { doneCounter } from './pack-thread.ts'
import type { AnsweredPacked, PackAnswer, PackSetup } from './pack-thread.ts'

const { code, memory, part, packing } = workerData as PackSetup
const kernel = openKernel(memory, part, code)
const done = doneCounter(kernel.memory, part)

const placeOf = ({ byteOffset, byteLength }: Uint8Array | Uint32Array | Int32Array): MemoryBlock => ({
  from: byteOffset,
  length: byteLength
})

doTasks<PackTask, PackAnswer>(async task => {
  const transfer: ArrayBuffer[] = []
  const columnOf = <Column extends Uint32Array | Int32Array>(column: Column): Column | MemoryBlock => {
    if (column.buffer === kernel.bytes) return placeOf(column)
    transfer.push(column.buffer as ArrayBuffer)
    return column
  }
  const answered = ({ count, digests, kinds, idHashes, dropped, members, enveloped, text }: Packed): AnsweredPacked => {
    if (kinds) transfer.push(kinds.of.buffer as ArrayBuffer, kinds.digests.buffer as ArrayBuffer)
    const columns = { digests: columnOf(digests), idHashes: columnOf(idHashes) }
    return { text: placeOf(text), ...columns, count, kinds, dropped, members, enveloped }
  }
  const answer = packHere(kernel, task, packing).map(each => ('packed' in each ? { ...each, packed: answered(each.packed) } : each))
  Atomics.add(done, 0, 1)
  return { answer, transfer }
})
