/**
 * What checkpoints need not hold again and again: with thousands of collections, most of what a run keeps changes once or twice. It stands in a file of its own, `settled-<number>.ndjson`, which only grows: a line for each part, of which the last of a name counts, and the checkpoint says how much of
 * the file belongs to it. What has changed again stands in the checkpoint again.
 */
import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { syncFile } from '../engine/atomic-file.ts'
import { byteChunks } from '../engine/byte-chunks.ts'
import { readdir, removeFile } from '../engine/near-files.ts'
import { DocferryError, describeError } from '../errors.ts'
import type { OutputStand, SuspendedOutput } from '../types.ts'
import type { Checkpoint } from './checkpoint.ts'
import { parseText } from '../values/index.ts'
import { inState } from './state-file.ts'

/** Fewer stay in the checkpoint. */
const leastTogether = 32
/** How often a part is written there while it changes, and at most, when it has not changed from one checkpoint to the next: the file must not grow without end. */
const mostTimes = { changing: 2, atRest: 6 }

const fileName = /^settled-([1-9]\d*)\.ndjson$/

/** A piece of a checkpoint. */
export interface Part {
  /** Of its fields; or `output.` and a field of what an output was suspended at. */
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
  #number: number
  readonly #seen = new Map<string, Map<string, Seen>>()
  #hash: Hash = createHash('sha256')
  #bytes = 0
  #isSynced = true
  #isAlone = false

  /** @param before of the checkpoint that the run goes on from */
  constructor(folder: string, before?: SettledPlace) {
    this.#folder = folder
    this.#number = (before?.number ?? 0) + 1
  }

  /**
   * Take out of the parts of a checkpoint those that settle, or have.
   *
   * @returns those that the checkpoint has to hold, and where the others are, on disk once `sync` has resolved
   * @throws {DocferryError} DOCFERRY_STATE: the next time all is written anew
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
    else {
      this.#write(settling.map(({ part }) => part))
      for (const { seen } of settling) {
        seen.isSettled = true
        seen.times++
      }
    }
    if (this.#bytes === 0) return { left, place: undefined }
    return { left, place: { number: this.#number, bytes: this.#bytes, sha256: this.#hash.copy().digest('hex') } }
  }

  /** @throws {DocferryError} DOCFERRY_STATE: the next time all is written anew */
  async sync(): Promise<void> {
    if (this.#isSynced) return
    try {
      await syncFile(this.#path)
      this.#isSynced = true
    } catch (error) {
      throw this.#failed(error)
    }
  }

  /** Remove the files of processes before, once a checkpoint of this one is on disk. @throws {DocferryError} DOCFERRY_STATE */
  async removeOthers(): Promise<void> {
    if (this.#isAlone) return
    this.#isAlone = true
    await inState(`files that are not wanted any more can't be removed from ${this.#folder}`, async () => {
      const others = (await readdir(this.#folder)).filter(name => isOther(name, this.#number))
      await Promise.all(others.map(name => removeFile(join(this.#folder, name))))
    })
  }

  get #path(): string {
    return pathOf(this.#folder, this.#number)
  }

  /** At once: the lines of thousands would wait in memory, and what they are made of may be another soon. */
  #write(parts: readonly Part[]): void {
    try {
      const file = openSync(this.#path, this.#bytes > 0 ? 'r+' : 'w', 0o600)
      try {
        this.#isSynced = false
        for (const bytes of byteChunks(linesOf(parts))) {
          for (let from = 0; from < bytes.length;) from += writeSync(file, bytes, from, bytes.length - from, this.#bytes + from)
          this.#hash.update(bytes)
          this.#bytes += bytes.length
        }
      } finally {
        closeSync(file)
      }
    } catch (error) {
      throw this.#failed(error)
    }
  }

  /** Nothing is known of what the file holds: another one is begun. */
  #failed(error: unknown): DocferryError {
    const path = this.#path
    this.#seen.clear()
    this.#number++
    this.#hash = createHash('sha256')
    this.#bytes = 0
    this.#isSynced = true
    this.#isAlone = false
    return new DocferryError('DOCFERRY_STATE', `${path} can't be written: ${describeError(error)}`, { cause: error })
  }
}

function* linesOf(parts: readonly Part[]): Generator<string, void, undefined> {
  for (const { kind, name, value } of parts) yield `${JSON.stringify([kind, name, value()])}\n`
}

/** A checkpoint of these parts alone. @param rest what has no parts */
export function checkpointOf(
  parts: readonly Part[],
  rest: Pick<Checkpoint, 'retries' | 'output' | 'log' | 'stageBytes' | 'settled'>
): Checkpoint {
  const found = byKind(parts.map(({ kind, name, value }) => [kind, name, value()]))
  return joined({ partitions: {}, collections: [], sums: {}, prepared: {}, ...rest }, found)
}

/** What an output says of itself in parts, and the rest of it, in which they have their fields. */
export function divideOutput(output: OutputStand | undefined): {
  readonly parts: readonly Part[]
  readonly rest: SuspendedOutput | undefined
} {
  const fields = Object.entries(output?.parts ?? {})
  const parts = fields.flatMap(([field, some]) => Array.from(some, part => ({ kind: outputKind(field), ...part })))
  return { parts, rest: output && { ...output.stands, ...Object.fromEntries(fields.map(([field]) => [field, {}])) } }
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
    entries.push(parseText(bytes.toString('utf8', from, end)) as Entry)
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
      output &&
      Object.fromEntries(
        Object.entries(output).map(([field, own]) => {
          const kind = outputKind(field)
          return [field, found.has(kind) ? under(kind, own as Readonly<Record<string, unknown>>) : own]
        })
      )
  }
}

function isOther(name: string, number: number): boolean {
  const found = fileName.exec(name)
  return found !== null && Number(found[1]) !== number
}

function outputKind(field: string): string {
  return `output.${field}`
}

function pathOf(folder: string, number: number): string {
  return join(folder, `settled-${number}.ndjson`)
}
