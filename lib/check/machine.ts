/** What of this machine a run needs: a fitting Node, memory, room on disk, and secrets that nobody else reads. */
import { stat, statfs } from 'node:fs/promises'
import { availableParallelism, freemem, platform } from 'node:os'
import { dirname, resolve } from 'node:path'
import { holdsSecret } from '../config/hide-credentials.ts'
import { describeError } from '../errors.ts'
import type { Endpoint } from '../open.ts'
import type { Checklist, Found } from './checklist.ts'
import type { CheckOptions } from './options.ts'

/** A run takes 150 to 300 MB, whatever it moves. */
const leastMemory = 300e6

/** The oldest Node that docferry is made for; package.json says the same to npm. */
const leastNode = [20, 19] as const

export async function checkMachine(options: CheckOptions, list: Checklist): Promise<void> {
  list.add('machine.versions', 'versions fit', nodeFound(list))
  list.add('machine.memory', 'there is memory for a run', memoryFound())
  await list.check('machine.secrets', 'secrets are seen by nobody else', async () => await secretsFound(options))
}

function nodeFound({ report: { docferry, node } }: Checklist): Found {
  const [major = 0, minor = 0] = node.replace(/^v/, '').split('.').map(Number)
  const detail = `docferry ${docferry}, Node ${node}, ${platform()}`
  const isOld = major < leastNode[0] || (major === leastNode[0] && minor < leastNode[1])
  return isOld
    ? { result: 'failed', code: 'DOCFERRY_CHECK', detail, advice: `docferry needs Node ${leastNode.join('.')} or later` }
    : { detail }
}

function memoryFound(): Found {
  const free = process.availableMemory?.() ?? freemem()
  const limit = process.constrainedMemory?.() ?? 0
  const bytes = limit > 0 ? Math.min(free, limit) : free
  const detail = `${megabytes(bytes)} free, ${availableParallelism()} processors`
  return bytes < leastMemory ? { result: 'warning', detail, advice: 'a run takes 150 to 300 MB: --parallel 1 takes least' } : { detail }
}

async function secretsFound({ source, target, environmentFile }: CheckOptions): Promise<Found> {
  const open = (['source', 'target'] as const).filter(end => isSecret({ source, target }[end]))
  if (open.length > 0)
    return {
      result: 'warning',
      detail: `the address of the ${open.join(' and of the ')} holds a password, which whoever lists this machine's processes sees`,
      advice: 'name a variable in its place (?passwordEnv=NAME), or set it in the environment or in .env'
    }
  const mode = environmentFile === undefined ? undefined : await modeOf(environmentFile)
  if (mode !== undefined && (mode & 0o077) !== 0 && platform() !== 'win32')
    return {
      result: 'warning',
      detail: `${environmentFile} can be read by other users of this machine`,
      advice: `chmod 600 ${environmentFile}`
    }
  return { detail: mode === undefined ? 'none in the addresses' : `none in the addresses; ${environmentFile} is yours alone` }
}

function isSecret(end: Endpoint | undefined): boolean {
  return typeof end === 'string' && holdsSecret(end)
}

async function modeOf(path: string): Promise<number | undefined> {
  return await stat(path).then(
    found => found.mode,
    () => undefined
  )
}

/** What is to be written somewhere, at most. */
export interface Need {
  readonly path: string
  readonly bytes: number
  readonly what: string
}

/** A tenth more than what is reckoned with, and what a file system keeps for itself. */
const margin = 1.1

/** Compare what is needed with what is free, by file systems. */
export async function checkRoom(needs: readonly Need[], list: Checklist): Promise<void> {
  await list.check('machine.room', 'there is room on disk', async () => {
    const devices = new Map<number, Need[]>()
    for (const need of needs) {
      const path = await nearest(resolve(need.path))
      const { dev } = await stat(path)
      devices.set(dev, [...(devices.get(dev) ?? []), { ...need, path }])
    }
    const details: string[] = []
    let isShort = false
    for (const group of devices.values()) {
      const { path } = group[0]!
      const bytes = group.reduce((sum, need) => sum + need.bytes, 0)
      const free = await freeAt(path)
      if (typeof free === 'string') return { result: 'skipped', detail: `${path}: ${free}` }
      isShort ||= free < bytes * margin
      details.push(`${megabytes(free)} free at ${path}, at most ${megabytes(bytes)} needed (${group.map(({ what }) => what).join(', ')})`)
    }
    const detail = details.join('; ')
    if (!isShort) return { detail }
    return { result: 'failed', code: 'DOCFERRY_CHECK', detail, advice: 'free some, or name other places: --state-dir for what runs keep' }
  })
}

/** Bytes that an ordinary user may still write; in words why that is not known. */
export async function freeAt(path: string): Promise<number | string> {
  try {
    const { bavail, bsize } = await statfs(await nearest(resolve(path)))
    return bavail * bsize
  } catch (error) {
    return describeError(error)
  }
}

/** The path itself, or the first above it that is there. */
async function nearest(path: string): Promise<string> {
  const isThere = await stat(path).then(
    () => true,
    () => false
  )
  return isThere || dirname(path) === path ? path : await nearest(dirname(path))
}

export function megabytes(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`
  return bytes >= 1e6 ? `${Math.round(bytes / 1e6)} MB` : `${Math.ceil(bytes / 1e3)} kB`
}
