/** How far undoing a run has come, on disk: whatever comes to stand where something was undone is somebody else's, whoever undoes the run again. */
import { join } from 'node:path'
import { readState, writeState } from '../checkpoint/state-file.ts'
import type { Undone } from '../checkpoint/run-folder.ts'
import { now } from '../clock.ts'

const progressName = 'undo-progress.json'

/** Of more documents that were left the names are not kept: nothing in front of them counts as undone then. */
export const mostLeft = 10_000

/** Of the time that the last writing took, so much passes before the next one. */
const pause = 10

/** The undo journal is gone through from its end. All of it from `to` on was undone, except of the documents that are named. */
interface Progress {
  readonly to: number
  readonly left: readonly (readonly [collection: string, id: string])[]
}

/** Entries that are undone together. */
export interface Together {
  /** Where the newest of them ends in the journal. */
  readonly end: number
}

export interface UndoProgressOptions {
  /** Bytes of the journal. */
  readonly total: number
  /** Of an undoing before this one. */
  readonly undone: Undone | undefined
  /** Whether nothing is to be written. */
  readonly isKept: boolean
}

export class UndoProgress {
  readonly #path: string
  readonly #isKept: boolean
  /** What an earlier undoing has come to. */
  readonly #from: number
  readonly #left: Set<string>
  readonly #pending = new Set<Together>()
  #read: number
  #to: number
  #isFull = false
  #saving: Promise<void> | undefined
  #nextAt = 0

  /** @throws {DocferryError} DOCFERRY_STATE */
  static async open(folder: string, options: UndoProgressOptions): Promise<UndoProgress> {
    const path = join(folder, progressName)
    const kept = (await readState(path, 'undo-progress')) as Progress | undefined
    // An older docferry that has undone all has kept no more than that.
    const known = kept ?? (options.undone?.state === 'undone' ? { to: 0, left: [] } : { to: options.total, left: [] })
    return new UndoProgress(path, known, options.isKept)
  }

  private constructor(path: string, { to, left }: Progress, isKept: boolean) {
    this.#path = path
    this.#isKept = isKept
    this.#from = this.#to = this.#read = to
    this.#left = new Set(left.map(([collection, id]) => keyOf(collection, id)))
  }

  /** @param offset of the entry in the journal */
  isDone(collection: string, id: string, offset: number): boolean {
    return offset >= this.#from && !this.#left.has(keyOf(collection, id))
  }

  /** Those in front of `offset` have not been read yet. */
  readTo(offset: number): void {
    this.#read = Math.min(this.#read, offset)
  }

  begins(entries: Together): void {
    this.#pending.add(entries)
  }

  ended(together: Together, outcomes: readonly { readonly collection: string; readonly id: string; readonly isLeft: boolean }[]): void {
    if (this.#isFull) return
    this.#pending.delete(together)
    for (const { collection, id, isLeft } of outcomes) this.#left[isLeft ? 'add' : 'delete'](keyOf(collection, id))
    this.#advance()
  }

  /** @param left all documents that were left, now that all entries have been gone through; or more than `mostLeft` */
  settled(left: readonly { readonly collection: string; readonly id: string }[]): void {
    if (this.#isFull || left.length > mostLeft) return
    this.#left.clear()
    for (const { collection, id } of left) this.#left.add(keyOf(collection, id))
  }

  /** Have it on disk soon, without being waited for. What went wrong the last `save` meets again. */
  saveSoon(): void {
    if (this.#saving || now() < this.#nextAt) return
    const begun = now()
    this.#saving = this.#write()
      .catch(() => undefined)
      .finally(() => {
        this.#saving = undefined
        this.#nextAt = now() + pause * (now() - begun)
      })
  }

  /** @throws {DocferryError} DOCFERRY_STATE */
  async save(): Promise<void> {
    await this.#saving
    await this.#write()
  }

  async #write(): Promise<void> {
    if (!this.#isKept) return
    const left = [...this.#left].map(key => JSON.parse(key) as [string, string])
    await writeState(this.#path, 'undo-progress', { to: this.#to, left } satisfies Progress)
  }

  #advance(): void {
    this.#isFull = this.#left.size > mostLeft
    if (this.#isFull) return
    let to = this.#read
    for (const { end } of this.#pending) to = Math.max(to, end)
    this.#to = Math.min(this.#to, to)
  }
}

function keyOf(collection: string, id: string): string {
  return JSON.stringify([collection, id])
}
