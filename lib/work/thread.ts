/** A thread that takes blocks of lines through stages. Loaded as a worker, by `stage-worker.ts`. */
import { move, transferableSymbol, valueSymbol, workerData } from 'piscina'
import { stagesOfRun } from '../stages-of-run.ts'
import { builtInStages } from '../stages/index.ts'
import type { Stage } from '../types.ts'
import { toMessage } from './thread-messages.ts'
import type { ThreadSetup, ThreadTask } from './thread-messages.ts'
import { contextsOf } from './contexts.ts'
import { workLines } from './work-lines.ts'

const { asked, environment, first, packing } = workerData as ThreadSetup
const stages = [...builtInStages(asked), ...(await stagesOfRun(asked, { environment }))].slice(first) as Stage[]
const contexts = new Map<string, ReturnType<typeof contextsOf>>()

export async function work({ block, place, partition }: ThreadTask): Promise<unknown> {
  const { buffer, byteOffset, byteLength } = block
  const lines = Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength)
  let contextOf = contexts.get(partition)
  if (!contextOf) contexts.set(partition, (contextOf = contextsOf(partition)))
  const messages = (await workLines(lines, place, { packing, stages, first, contextOf, pieceBytes: lines.length })).map(toMessage)
  const transfer = messages.flatMap(message => ('text' in message ? [message.text.buffer as ArrayBuffer] : []))
  return move({ [transferableSymbol]: transfer, [valueSymbol]: messages })
}
