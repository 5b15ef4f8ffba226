/**
 * Reads the log of @cloudant/couchbackup, which tells whether a backup is whole: `:t batch7 [{"id":"a"}]` for each batch to fetch,
 * `:changes_complete` when all of them are known, `:d batch7` for each that has been written.
 */
import { LineSplitter } from './lines.ts'
import type { Line } from './lines.ts'

export interface BackupLog {
  /** Whether it is known what belongs to the backup. */
  readonly changesComplete: boolean
  readonly done: number
  /** Batches that were not written, by number. */
  readonly pending: readonly number[]
}

/** @param chunks the log's bytes */
export async function readBackupLog(chunks: AsyncIterable<Buffer>): Promise<BackupLog> {
  const splitter = new LineSplitter()
  const pending = new Set<number>()
  const done = new Set<number>()
  let changesComplete = false
  const take = ({ bytes }: Line): void => {
    const [, command, batch] = /^:(?:([td])\s+batch(\d+)|changes_complete)/.exec(bytes.toString('latin1', 0, 64)) ?? []
    if (command === 't') pending.add(Number(batch))
    else if (command === 'd') done.add(Number(batch))
    else if (bytes.toString('latin1', 0, 17) === ':changes_complete') changesComplete = true
  }
  for await (const chunk of chunks) for (const line of splitter.push(chunk)) take(line)
  const last = splitter.end()
  if (last) take(last)
  return { changesComplete, done: done.size, pending: [...pending].filter(batch => !done.has(batch)) }
}
