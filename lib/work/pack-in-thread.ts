/** What a thread does that packs blocks. Loaded as a worker, by `pack-thread.ts`. */
import { workerData } from 'node:worker_threads'
import { openKernel } from '../kernel/instance.ts'
import { packInPlace } from '../kernel/kernel.ts'
import { doTasks } from './do-tasks.ts'
import { doneCounter } from './pack-thread.ts'
import type { PackAnswer, PackSetup, PackTask } from './pack-thread.ts'

const { code, memory, part, packing } = workerData as PackSetup
const kernel = openKernel(memory, part, code)
const done = doneCounter(kernel.memory, part)

doTasks<PackTask, PackAnswer>(async ({ block, text }) => {
  const transfer: ArrayBuffer[] = []
  const answer: PackAnswer = packInPlace(kernel, block, text, packing).map(stretch => {
    if (!('packed' in stretch)) return stretch
    const { count, digests, kinds, idHashes, dropped, members, enveloped, text: lines } = stretch.packed
    transfer.push(digests.buffer as ArrayBuffer, idHashes.buffer as ArrayBuffer)
    if (kinds) transfer.push(kinds.of.buffer as ArrayBuffer, kinds.digests.buffer as ArrayBuffer)
    return {
      bytes: stretch.bytes,
      text: { from: lines.byteOffset, length: lines.length },
      count,
      digests,
      kinds,
      idHashes,
      dropped,
      members,
      enveloped
    }
  })
  Atomics.add(done, 0, 1)
  return { answer, transfer }
})
