/** Which files a run has made itself, or added to: only these are gone on with, whatever stands under their names by now. */
import { createHash } from 'node:crypto'
import { fstatSync, readSync } from 'node:fs'
import type { StageRecords } from '../../types.ts'

/** So many bytes of what was written first tell a file from another. */
const headBytes = 4096

/** What is kept of a file: the last record of a path holds. */
interface OwnRecord {
  readonly path: string
  /** Missing while it is being made, and of one that was not to be had. */
  readonly inode?: string
  /** Where what the run has written begins. */
  readonly from?: number
  /** Of what stands there. Missing as long as nothing was written. */
  readonly head?: { readonly bytes: number; readonly sha256: string }
  /** There was another one already. */
  readonly isTaken?: true
}

export class OwnFiles {
  readonly #records: StageRecords | undefined
  #known: Map<string, OwnRecord> | undefined

  /** @param records missing where nothing is kept, so that no file is the run's own */
  constructor(records?: StageRecords) {
    this.#records = records
  }

  /** The run is about to make it: what is found there empty may be its own. @returns to be called where somebody else's stands there */
  beginMaking(path: string): () => void {
    const before = this.#of(path)
    this.#keep({ path })
    // The run's own may be put back.
    return () => this.#keep(before?.inode === undefined ? { path, isTaken: true } : before)
  }

  /** It is open, and what it holds up to `from` is not the run's. */
  made(path: string, fd: number, from: number): void {
    this.#keep({ path, inode: inodeOf(fd), from })
  }

  /** Before the first of it is written. */
  willWrite(path: string, first: Buffer): void {
    const { inode, from } = this.#of(path) ?? {}
    if (inode === undefined || from === undefined) return
    const head = first.subarray(0, headBytes)
    this.#keep({ path, inode, from, head: { bytes: head.length, sha256: digestOf(head) } })
  }

  /** Whether the run has written lines into what stood there. */
  hasWritten(path: string): boolean {
    return this.#of(path)?.head !== undefined
  }

  /** Paths of all that the run has written lines into, in any process. */
  written(): readonly string[] {
    return [...this.#all().values()].filter(({ head }) => head !== undefined).map(({ path }) => path)
  }

  /** @returns where the run's own part of an open file begins; undefined where the file is not its own, or was replaced or written anew since */
  startOf(path: string, fd: number): number | undefined {
    const record = this.#of(path)
    const stat = fstatSync(fd)
    if (!record || record.isTaken || !stat.isFile()) return undefined
    const { inode, from = 0, head } = record
    if (inode === undefined) return stat.size === 0 ? 0 : undefined
    if (inode !== inodeOf(fd)) return undefined
    return stat.size === from || (head && holds(fd, from, head)) ? from : undefined
  }

  #of(path: string): OwnRecord | undefined {
    return this.#all().get(path)
  }

  #all(): Map<string, OwnRecord> {
    return (this.#known ??= new Map(((this.#records?.list() ?? []) as readonly unknown[]).filter(isRecord).map(each => [each.path, each])))
  }

  #keep(record: OwnRecord): void {
    // What was kept before is read first.
    this.#all().set(record.path, record)
    this.#records?.add({ ...record })
  }
}

/** In digits: inodes may be larger than numbers tell apart. */
function inodeOf(fd: number): string {
  return String(fstatSync(fd, { bigint: true }).ino)
}

function holds(fd: number, from: number, { bytes, sha256 }: NonNullable<OwnRecord['head']>): boolean {
  const head = Buffer.alloc(bytes)
  return readSync(fd, head, 0, bytes, from) === bytes && digestOf(head) === sha256
}

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function isRecord(record: unknown): record is OwnRecord {
  return typeof (record as Partial<OwnRecord> | null)?.path === 'string'
}
