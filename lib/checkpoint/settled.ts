/**
 * What checkpoints need not hold again and again: with thousands of collections, most of what a run keeps changes once or twice. It stands in a file of its own, `settled-<number>.ndjson`, which only grows: a line for each part, of which the last of a name counts, and the checkpoint says how much of
 * the file belongs to it. What has changed again stands in the checkpoint again.
 */
import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { open, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DocferryError, describeError } from '../errors.ts'
import type { SuspendedOutput } from '../types.ts'
import type { Checkpoint } from './checkpoint.ts'

/** Fewer stay in the checkpoint. */
const leastTogether = 32
/** How often a part is written there while it changes, and at most, when it has not changed from one checkpoint to the next: the file must not grow without end. */
const mostTimes = { changing: 2, atRest: 6 }

/** Written with one call. */
const linesAtOnce = 64

const fileName = /^settled-([1-9]\d*)\.ndjson$/

/** A piece of a checkpoint. */
export interface Part {
  /** Of its fields; or `output.` and a field of it that is a map. */
  readonly kind: string
  readonly name: string
  /** The same object as long as the part is the same. */
  readonly version: unknown
  /** Plain JSON. */
  readonly value: () => unknown
}

/** What of the file belongs to a checkpoint. */
export interface SettledPlace {
  readonly number: number
  readonly bytes: number
  /** SHA-256 of these bytes. */
  readonly sha256: string
}

interface Seen {
  readonly version: unknown
  isSettled: boolean
  times: number
}

/** Of one process: it begins a file of its own with the first that settles. */
export class Settled {
  readonly #folder: string
  readonly #number: number
  readonly #seen = new Map<string, Map<string, Seen>>()
  readonly #hash: Hash = createHash('sha256')
  #bytes = 0
  #written = 0
  #isAlone = false
  /** Counted in, and not written. */
  #waiting: Buffer[] = []

  /** @param before of the checkpoint that the run goes on from */
  constructor(folder: string, before?: SettledPlace) {
    this.#folder = folder
    this.#number = (before?.number ?? 0) + 1
  }

  /**
   * Take out of the parts of a checkpoint those that settle, or have.
   *
   * @returns those that the checkpoint has to hold, and where the others are once `write` has resolved
   */
  divide(parts: Iterable<Part>): { readonly left: readonly Part[]; readonly place: SettledPlace | undefined } {
    const left: Part[] = []
    const settling: { readonly part: Part; readonly seen: Seen }[] = []
    for (const part of parts) {
      const { kind, name, version } = part
      let names = this.#seen.get(kind)
      if (!names) this.#seen.set(kind, (names = new Map<string, Seen>()))
      const before = names.get(name)
      const isSame = before !== undefined && before.version === version
      if (isSame && before.isSettled) continue
      const seen = isSame ? before : { version, isSettled: false, times: before?.times ?? 0 }
      names.set(name, seen)
      if (seen.times < (isSame ? mostTimes.atRest : mostTimes.changing)) settling.push({ part, seen })
      else left.push(part)
    }
    if (settling.length < leastTogether) left.push(...settling.map(({ part }) => part))
    else for (const { part, seen } of settling) this.#settle(part, seen)
    if (this.#bytes === 0) return { left, place: undefined }
    return { left, place: { number: this.#number, bytes: this.#bytes, sha256: this.#hash.copy().digest('hex') } }
  }

  /** On disk when this resolves. @throws {DocferryError} DOCFERRY_STATE */
  async write(): Promise<void> {
    if (this.#waiting.length === 0) return
    const path = pathOf(this.#folder, this.#number)
    const waiting = this.#waiting
    try {
      const file = await open(path, this.#written > 0 ? 'r+' : 'w', 0o600)
      try {
        for (let done = 0, at = this.#written; done < waiting.length; done += linesAtOnce) {
          const bytes = Buffer.concat(waiting.slice(done, done + linesAtOnce))
          for (let from = 0; from < bytes.length;) from += (await file.write(bytes, from, bytes.length - from, at + from)).bytesWritten
          at += bytes.length
        }
        await file.sync()
      } finally {
        await file.close()
      }
    } catch (error) {
      throw new DocferryError('DOCFERRY_STATE', `${path} can't be written: ${describeError(error)}`, { cause: error })
    }
    // What can't be written is tried again with the next checkpoint.
    this.#waiting = []
    this.#written = this.#bytes
  }

  /** Remove the files of processes before, once a checkpoint of this one is on disk. */
  async removeOthers(): Promise<void> {
    if (this.#isAlone) return
    this.#isAlone = true
    const others = (await readdir(this.#folder)).filter(name => isOther(name, this.#number))
    await Promise.all(others.map(name => rm(join(this.#folder, name), { force: true })))
  }

  #settle({ kind, name, value }: Part, seen: Seen): void {
    const line = Buffer.from(`${JSON.stringify([kind, name, value()])}\n`)
    seen.isSettled = true
    seen.times++
    this.#hash.update(line)
    this.#bytes += line.length
    this.#waiting.push(line)
  }
}

/** A checkpoint of these parts alone. @param rest what has no parts */
export function checkpointOf(
  parts: readonly Part[],
  rest: Pick<Checkpoint, 'retries' | 'output' | 'log' | 'stageBytes' | 'settled'>
): Checkpoint {
  const found = byKind(parts.map(({ kind, name, value }) => [kind, name, value()]))
  return joined({ partitions: {}, collections: [], sums: {}, prepared: {}, ...rest }, found)
}

/** What an output says of itself in parts, and the rest of it. */
export function divideOutput(output: SuspendedOutput | undefined): {
  readonly parts: readonly Part[]
  readonly rest: SuspendedOutput | undefined
} {
  const maps = Object.entries(output ?? {}).filter(([, content]) => isMap(content))
  const parts = maps.flatMap(([field, content]) =>
    Object.entries(content as object).map(([name, value]) => ({
      kind: outputKind(field),
      name,
      version: value as unknown,
      value: () => value as unknown
    }))
  )
  return { parts, rest: output && { ...output, ...Object.fromEntries(maps.map(([field]) => [field, {}])) } }
}

/** The checkpoint with all that it need not hold. @throws {DocferryError} DOCFERRY_STATE where that is gone, cut off, or was changed */
export async function withSettled(folder: string, checkpoint: Checkpoint): Promise<Checkpoint> {
  const { settled } = checkpoint
  if (!settled) return checkpoint
  const path = pathOf(folder, settled.number)
  const unusable = (why: string, cause?: unknown): DocferryError =>
    new DocferryError('DOCFERRY_STATE', `${path} can't be used: ${why}`, { cause })
  let bytes: Buffer
  try {
    bytes = (await readFile(path)).subarray(0, settled.bytes)
  } catch (error) {
    throw unusable(describeError(error), error)
  }
  if (createHash('sha256').update(bytes).digest('hex') !== settled.sha256)
    throw unusable('it is cut off, or was changed: its checksum does not match')
  const entries: Entry[] = []
  for (let from = 0; from < bytes.length;) {
    const end = bytes.indexOf(newline, from)
    entries.push(JSON.parse(bytes.toString('utf8', from, end)) as Entry)
    from = end + 1
  }
  return joined(checkpoint, byKind(entries))
}

const newline = 0x0a

type Entry = readonly [kind: string, name: string, value: unknown]
type ByKind = ReadonlyMap<string, ReadonlyMap<string, unknown>>

/** The last of a name counts. */
function byKind(entries: readonly Entry[]): ByKind {
  const found = new Map<string, Map<string, unknown>>()
  for (const [kind, name, value] of entries) {
    const names = found.get(kind)
    if (names) names.set(name, value)
    else found.set(kind, new Map([[name, value]]))
  }
  return found
}

/** What the checkpoint holds itself counts. */
function joined({ partitions, collections, sums, prepared, output, ...rest }: Checkpoint, found: ByKind): Checkpoint {
  const under = <Value>(kind: string, own: Readonly<Record<string, Value>>): Record<string, Value> =>
    Object.fromEntries([...((found.get(kind) ?? []) as Iterable<[string, Value]>), ...Object.entries(own)])
  return {
    ...rest,
    partitions: under('partitions', partitions),
    collections: Object.values(under('collections', Object.fromEntries(collections.map(each => [each.source, each])))),
    ...(sums && { sums: under('sums', sums) }),
    prepared: under('prepared', prepared),
    output:
      output && Object.fromEntries(Object.entries(output).map(([field, own]) => [field, isMap(own) ? under(outputKind(field), own) : own]))
  }
}

function isOther(name: string, number: number): boolean {
  const found = fileName.exec(name)
  return found !== null && Number(found[1]) !== number
}

function outputKind(field: string): string {
  return `output.${field}`
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function pathOf(folder: string, number: number): string {
  return join(folder, `settled-${number}.ndjson`)
}
