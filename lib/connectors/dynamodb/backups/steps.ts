/** Several things to begin, one for each table: all are checked before, and what becomes of each is told. */
import type { Backup } from '../../../contracts/backup.ts'
import { DocferryError } from '../../../errors.ts'
import { isLost } from './control.ts'

export interface Step {
  /** What it would be, `planned`. */
  readonly planned: Backup
  /** @throws {DocferryError} where the service refuses it */
  readonly begin: () => Promise<Backup>
}

/** Errors after which no other would be taken either. */
const forAll = new Set<unknown>(['DOCFERRY_AUTH', 'DOCFERRY_CONNECT', 'DOCFERRY_INTERRUPTED'])

/** @throws {DocferryError} where the first is refused: nothing is begun then */
export async function beginAll(steps: readonly Step[], signal: AbortSignal | undefined): Promise<readonly Backup[]> {
  const begun: Backup[] = []
  let stopped: DocferryError | undefined
  for (const { planned, begin } of steps) {
    if (signal?.aborted || stopped) {
      begun.push({ ...planned, state: 'failed', message: `not begun: ${stopped?.message ?? 'interrupted before'}` })
      continue
    }
    try {
      begun.push(await begin())
    } catch (error) {
      if (!(error instanceof DocferryError) || begun.length === 0) throw error
      if (forAll.has(error.code)) stopped = error
      const lost = isLost(error) ? '. Whether it was begun is not known: docferry backup list tells' : ''
      begun.push({ ...planned, state: isLost(error) ? 'unknown' : 'failed', message: `${error.message}${lost}` })
    }
  }
  return begun
}
