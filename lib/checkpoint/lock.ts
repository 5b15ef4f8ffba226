/** A lock that only a living process holds. */
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { close, link, open, readdir, readText, removeFile, stat, writeAll } from '../engine/near-files.ts'
import { DocferryError, describeError } from '../errors.ts'
import { inState } from './state-file.ts'

/** Who holds a lock. A process id alone comes back after a while, with another process. */
export interface Holder {
  readonly pid: number
  readonly host: string
  /** Where the system tells when the process began, in its own unit. */
  readonly began?: string
}

const lockName = /^lock-(\d+)$/

/** What a process makes its lock of; it is there for a moment only. */
const ownName = /^lock\.(\d+)-[0-9a-f]{8}$/

/** One that can't be read may be just being written, on another machine. */
const tornAfterMs = 10 * 60_000

export interface Lock {
  release(): Promise<void>
}

/**
 * Take the lock of a folder. Locks are numbered, and the next number is taken by whoever makes it first, so that of two processes which both
 * find a dead one's lock only one goes on. Where a slow process takes a number although a lower one was taken meanwhile, the lower one wins.
 *
 * @param what for messages: `run 2026-...`
 * @throws {DocferryError} DOCFERRY_RUN_BUSY where a living process holds it; DOCFERRY_STATE where nothing can be written there
 */
export async function takeLock(folder: string, what: string): Promise<Lock> {
  const own = join(folder, `lock.${process.pid}-${randomBytes(4).toString('hex')}`)
  try {
    await clearLeftovers(folder)
    await writeNew(own, JSON.stringify(await thisProcess()))
    for (;;) {
      const held = await listLocks(folder)
      const holder = await livingHolder(folder, number => held.includes(number))
      if (holder) throw busy(what, holder)
      const number = Math.max(0, ...held) + 1
      const path = join(folder, `lock-${number}`)
      if (!(await makeLink(own, path))) continue
      const lower = await livingHolder(folder, other => other < number)
      if (lower) {
        await removeFile(path)
        throw busy(what, lower)
      }
      await Promise.all(held.map(old => removeFile(join(folder, `lock-${old}`))))
      return { release: () => inState(`the lock ${path} can't be removed`, () => removeFile(path)) }
    }
  } catch (error) {
    if (error instanceof DocferryError) throw error
    throw new DocferryError('DOCFERRY_STATE', `${folder} can't be locked: ${describeError(error)}`, { cause: error })
  } finally {
    // It keeps nobody out.
    await removeFile(own).catch(() => undefined)
  }
}

/** The living process that holds the lock of a folder, if one does. @throws {DocferryError} DOCFERRY_STATE */
export async function holderOf(folder: string): Promise<Holder | undefined> {
  return await inState(`who is at work in ${folder} can't be told`, () => livingHolder(folder, () => true))
}

/** Remove what processes left that were killed while they took the lock. */
async function clearLeftovers(folder: string): Promise<void> {
  for (const name of (await readdir(folder)).filter(each => ownName.test(each))) {
    const path = join(folder, name)
    const holder = await readHolder(path)
    if (!(holder ? await isAlive(holder) : await isYoung(path))) await removeFile(path)
  }
}

async function isYoung(path: string): Promise<boolean> {
  const modified = await stat(path).then(
    found => found.mtimeMs,
    () => 0
  )
  return Date.now() - modified < tornAfterMs
}

/** Whether a name in a run's folder is that of a lock, or of what becomes one. */
export function isLockName(name: string): boolean {
  return lockName.test(name) || ownName.test(name)
}

async function livingHolder(folder: string, isMeant: (number: number) => boolean): Promise<Holder | undefined> {
  for (const number of (await listLocks(folder)).filter(isMeant)) {
    const holder = await readHolder(join(folder, `lock-${number}`))
    if (holder && (await isAlive(holder))) return holder
  }
  return undefined
}

async function listLocks(folder: string): Promise<number[]> {
  return (await readdir(folder)).flatMap(name => {
    const number = lockName.exec(name)?.[1]
    return number === undefined ? [] : [Number(number)]
  })
}

async function writeNew(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await writeAll(file, Buffer.from(text))
  } finally {
    await close(file)
  }
}

/** Complete from its first moment on, unlike a file that is made and then written. @returns false where there is one already */
async function makeLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if ((error as { code?: unknown }).code === 'EEXIST') return false
    throw error
  }
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const holder = JSON.parse(await readText(path)) as Partial<Holder> | null
    return typeof holder?.pid === 'number' && typeof holder.host === 'string' ? (holder as Holder) : undefined
  } catch (error) {
    // Released meanwhile, or no lock of ours.
    if ((error as { code?: unknown }).code === 'ENOENT' || error instanceof SyntaxError) return undefined
    throw error
  }
}

async function thisProcess(): Promise<Holder> {
  return { pid: process.pid, host: hostname(), ...(await beginOf(process.pid)) }
}

async function isAlive({ pid, host, began }: Holder): Promise<boolean> {
  // Nothing can be said of a process on another machine that shares the folder.
  if (host !== hostname()) return true
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ESRCH') return false
  }
  const now = await beginOf(pid)
  // Of a process that has died, its number stays until its parent asks for its end: some never do, such as the first process of many containers.
  if (now.isDead) return false
  return began === undefined || now.began === undefined || now.began === began
}

/** From /proc, field 22: ticks since the machine began, and which start of the machine that was. */
async function beginOf(pid: number): Promise<{ readonly began?: string; readonly isDead?: boolean }> {
  try {
    const [text, boot] = await Promise.all([readText(`/proc/${pid}/stat`), readText('/proc/sys/kernel/random/boot_id')])
    // The second field, the command's name, may hold spaces and parentheses.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { began: `${boot.trim()} ${fields[19]}`, ...(/^[ZX]$/.test(fields[0] ?? '') && { isDead: true }) }
  } catch {
    return {}
  }
}

/** @param what for messages: `run 2026-...` */
export function busy(what: string, { pid, host }: Holder): DocferryError {
  const where = host === hostname() ? '' : ` on ${host}`
  return new DocferryError(
    'DOCFERRY_RUN_BUSY',
    `process ${pid}${where} is at work on ${what} right now: wait until it ends, or stop it${host === hostname() ? '' : '; if that machine is gone, remove the lock file'}`
  )
}
