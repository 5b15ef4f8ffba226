/** A thread that takes blocks of lines through stages. Loaded as a worker, by `stage-worker.ts`. */
import { workerData } from 'node:worker_threads'
import { stagesOfRun } from '../stages-of-run.ts'
import { stagesInPlace } from '../stages/in-place.ts'
import { builtInStages } from '../stages/index.ts'
import type { Stage } from '../types.ts'
import { doTasks } from './do-tasks.ts'
import { buffersOf, ThreadRoom } from './thread-messages.ts'
import type { ThreadSetup, ThreadStretch, ThreadTask } from './thread-messages.ts'
import { contextsOf } from './contexts.ts'
import { workLines } from './work-lines.ts'
import { fieldsOfStages } from './work-outlines.ts'

const { asked, environment, first, packing } = workerData as ThreadSetup

async function begin(): Promise<void> {
  const stages = stagesInPlace([...builtInStages(asked), ...(await stagesOfRun(asked, { environment }))].slice(first) as Stage[])
  const fields = fieldsOfStages(stages)
  const contexts = new Map<string, ReturnType<typeof contextsOf>>()

  doTasks<ThreadTask, readonly ThreadStretch[]>(async ({ block, room, place, partition }) => {
    const { buffer, byteOffset, byteLength } = block
    const lines = Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength)
    let contextOf = contexts.get(partition)
    if (!contextOf) contexts.set(partition, (contextOf = contextsOf(partition)))
    const textPlace = new ThreadRoom(room)
    const stretches = await workLines(lines, place, { packing, stages, first, fields, contextOf, textPlace })
    const answer = stretches.map(each => textPlace.toMessage(each))
    return { answer, transfer: buffersOf(answer) }
  })
}

void begin()
