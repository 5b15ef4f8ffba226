/** What a run that is under way keeps on disk, as the data path sees it; and that of a retry, which keeps nothing but dead letters. */
import type { DeadLetter } from '../engine/dead-letter.ts'
import { Progress } from './checkpoint.ts'
import type { Journal } from './journal.ts'
import { KeptRecords } from './stage-records.ts'

/** Takes what can't be written. */
export interface LetterKeeper {
  readonly path: string
  add(letter: DeadLetter): Promise<void>
  sync(): Promise<void>
  close(): Promise<void>
}

export type RunJournal = { readonly [Key in keyof Journal]: Journal[Key] } & {
  /** Where dead letters go. Default: to the file `deadLetters`. */
  readonly letters?: LetterKeeper
}

/** A retry is not gone on with but begun anew: until it is through, the dead letters are as they were. So there are no checkpoints. */
export function retryJournal(
  runId: string,
  letters: LetterKeeper,
  { log, undoJournal, stageRecords }: { readonly log: string; readonly undoJournal: string; readonly stageRecords: string }
): RunJournal {
  const nothing = (): Promise<void> => Promise.resolve()
  return {
    runId,
    record: undefined,
    output: undefined,
    writtenBefore: undefined,
    progress: new Progress(),
    retries: 0,
    log,
    deadLetters: letters.path,
    letters,
    undoJournal,
    async *stagePieces() {},
    stageRecords: new KeptRecords(stageRecords),
    syncFirst: () => undefined,
    startOver: () => undefined,
    begin: nothing,
    start: nothing,
    save: nothing,
    settle: nothing,
    // It becomes a part of the run's own, with the new dead letters.
    keepReceipt: () => Promise.resolve(undefined),
    end: nothing,
    close: nothing
  }
}
