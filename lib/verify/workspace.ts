/** The folder of one verification: made when something has to be kept, locked while it is used. */
import { readdir, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { holderOf, takeLock } from '../checkpoint/lock.ts'
import type { Lock } from '../checkpoint/lock.ts'
import { makeFolder } from '../engine/make-folder.ts'
import { describeError, DocferryError } from '../errors.ts'

/** Holds documents while they are compared, and nothing afterwards. */
const spoolName = 'spool'

export class Workspace {
  readonly path: string
  readonly #parent: string
  #lock: Promise<Lock> | undefined

  constructor(stateDir: string, id: string) {
    this.#parent = join(stateDir, 'verify')
    this.path = join(this.#parent, id)
  }

  /** Make the folder, locked, unless that was done. @throws {DocferryError} DOCFERRY_STATE */
  async open(): Promise<void> {
    await (this.#lock ??= this.#make())
  }

  /** A folder for what is there only while it is needed, readable by this user only. @throws {DocferryError} DOCFERRY_STATE */
  async makeSpool(name: string): Promise<string> {
    await this.open()
    const path = join(this.path, spoolName, name)
    return await this.#making(() => makeFolder(path, 0o700).then(() => path))
  }

  #make(): Promise<Lock> {
    return this.#making(async () => {
      await makeFolder(this.path, 0o700)
      return await takeLock(this.path, 'the verification')
    })
  }

  async #making<T>(make: () => Promise<T>): Promise<T> {
    try {
      return await make()
    } catch (error) {
      if (error instanceof DocferryError) throw error
      throw new DocferryError('DOCFERRY_STATE', `the folder ${this.path} can't be made: ${describeError(error)}`, { cause: error })
    }
  }

  /** Remove all but the list of differences; the folder too where there is none. */
  async close(): Promise<void> {
    await rm(join(this.path, spoolName), { recursive: true, force: true })
    await (await this.#lock?.catch(() => undefined))?.release()
    await rmdir(this.path).catch(() => undefined)
  }

  /** Remove what verifications left that were killed. What can't be removed stays. */
  async clearLeftovers(): Promise<void> {
    const names = await readdir(this.#parent).catch(() => [])
    for (const name of names) {
      const path = join(this.#parent, name)
      try {
        const entries = await readdir(path)
        if (!entries.some(entry => entry === spoolName || isPartial(entry)) || (await holderOf(path)) !== undefined) continue
        await rm(join(path, spoolName), { recursive: true, force: true })
        await Promise.all(entries.filter(isLeft).map(entry => rm(join(path, entry), { force: true })))
        await rmdir(path).catch(() => undefined)
      } catch (error) {
        // Gone meanwhile, or somebody else's.
        if (typeof (error as { code?: unknown }).code !== 'string') throw error
      }
    }
  }
}

function isLeft(name: string): boolean {
  return /^lock-\d+$|^lock\.\d+-/.test(name) || isPartial(name)
}

/** A list of differences that has not come to its end. */
function isPartial(name: string): boolean {
  return name.includes('.partial-')
}
