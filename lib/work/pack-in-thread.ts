/** What a thread does that packs blocks. Loaded as a worker, by `pack-thread.ts`. */
import { workerData } from 'node:worker_threads'
import { openKernel } from '../kernel/instance.ts'
import type { Packed } from '../packed.ts'
import { doTasks } from './do-tasks.ts'
import { packHere } from './pack-here.ts'
import type { PackTask } from './pack-here.ts'
import { doneCounter } from './pack-thread.ts'
import type { AnsweredPacked, PackAnswer, PackSetup } from './pack-thread.ts'

const { code, memory, part, packing } = workerData as PackSetup
const kernel = openKernel(memory, part, code)
const done = doneCounter(kernel.memory, part)

doTasks<PackTask, PackAnswer>(async task => {
  const transfer: ArrayBuffer[] = []
  const answered = ({ count, digests, kinds, idHashes, dropped, members, enveloped, text }: Packed): AnsweredPacked => {
    transfer.push(digests.buffer as ArrayBuffer, idHashes.buffer as ArrayBuffer)
    if (kinds) transfer.push(kinds.of.buffer as ArrayBuffer, kinds.digests.buffer as ArrayBuffer)
    return { text: { from: text.byteOffset, length: text.length }, count, digests, kinds, idHashes, dropped, members, enveloped }
  }
  const answer = packHere(kernel, task, packing).map(each => ('packed' in each ? { ...each, packed: answered(each.packed) } : each))
  Atomics.add(done, 0, 1)
  return { answer, transfer }
})
