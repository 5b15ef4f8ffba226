/** A disk that takes its time, or takes nothing. */
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'

export interface HeldSyncs {
  /** Resolves when the first has begun. */
  readonly reached: Promise<void>
  /** Those that have begun. */
  readonly count: number
  goOn(): void
  /** What begins from now on fails. */
  fail(error: Error): void
  restore(): void
}

/** Have every `datasync` of this process wait for `goOn`. @param path of any file */
export async function holdSyncs(path: string): Promise<HeldSyncs> {
  const some = await open(path)
  const handles = Object.getPrototypeOf(some) as { datasync: FileHandle['datasync'] }
  await some.close()
  const { datasync } = handles
  let goOn = nothing
  let reach = nothing
  const held = new Promise<void>(resolve => (goOn = resolve))
  const reached = new Promise<void>(resolve => (reach = resolve))
  let failure: Error | undefined
  let count = 0
  handles.datasync = async function (this: FileHandle) {
    count++
    reach()
    if (failure) throw failure
    await held
    await datasync.call(this)
  }
  return {
    reached,
    get count() {
      return count
    },
    goOn,
    fail(error) {
      failure = error
    },
    restore() {
      handles.datasync = datasync
    }
  }
}

function nothing(): void {}
