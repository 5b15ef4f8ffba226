/** What a thread does that `WorkThread` has begun. */
import { parentPort } from 'node:worker_threads'
import type { TransferListItem } from 'node:worker_threads'
import { describeError } from '../errors.ts'
import type { Said } from './work-thread.ts'

export interface Done<Answer> {
  readonly answer: Answer
  readonly transfer: readonly TransferListItem[]
}

/** Do each task when the one before it is done. */
export function doTasks<Task, Answer>(work: (task: Task) => Promise<Done<Answer>>): void {
  const port = parentPort!
  const say = (said: Said<Answer>, transfer: readonly TransferListItem[] = []): void => port.postMessage(said, transfer)
  let last = Promise.resolve()
  port.on('message', (task: Task) => {
    last = last.then(async () => {
      try {
        const { answer, transfer } = await work(task)
        say({ answer }, transfer)
      } catch (error) {
        say({ failure: describeError(error) })
      }
    })
  })
  say('ready')
}
