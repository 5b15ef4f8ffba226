/** The log in a run's folder, beside the caller's own. */
import { closeSync, fstatSync, openSync, writeSync } from 'node:fs'
import { now as clock } from './clock.ts'
import { describeError } from './errors.ts'
import { lineOf } from './log.ts'
import type { Logger } from './types.ts'

export interface RunLogOptions {
  /** The caller's; it is told everything, at once. */
  readonly caller: Logger
  /** Takes known secrets out of a text. */
  readonly mask?: ((text: string) => string) | undefined
  readonly now?: () => number
  /** The file takes no more from here on, but for how the run ended. Default 10 MB. */
  readonly mostBytes?: number
}

type Level = 'info' | 'warn' | 'error'

interface Line {
  readonly level: Level
  readonly context: object
  readonly message: string
}

/** What came again and was not told yet. */
interface Kind {
  toldAt: number
  again: number
  last: Line
}

/** Lines of one kind are told at most so often; what came meanwhile is counted. */
const againMs = 5_000

/** Kinds that are kept apart; of others, each line is told. */
const mostKinds = 200

/** Lines that come before there is a folder. */
const mostEarly = 100

const defaultMostBytes = 10 << 20

/**
 * JSON lines in `log.ndjson`, readable by its owner only: what was asked, warnings, what was tried again, how it ended. A log that can't be written stops no run: the caller's logger is told once.
 */
export class RunLog implements Logger {
  readonly #options: RunLogOptions
  readonly #kinds = new Map<string, Kind>()
  #early: Line[] = []
  #file: number | undefined
  #isOpen = false
  #bytes = 0
  #isFull = false

  constructor(options: RunLogOptions) {
    this.#options = options
  }

  /** For what has a file of its own. */
  get caller(): Logger {
    return this.#options.caller
  }

  debug(context: object, message: string): void {
    this.#options.caller.debug(context, message)
  }

  info(context: object, message: string): void {
    this.#options.caller.info(context, message)
    this.#add({ level: 'info', context, message })
  }

  warn(context: object, message: string): void {
    this.#options.caller.warn(context, message)
    this.#add({ level: 'warn', context, message })
  }

  error(context: object, message: string): void {
    this.#options.caller.error(context, message)
    this.#add({ level: 'error', context, message })
  }

  /** Tell the file only, whatever is full: how a run began or ended, which its caller knows. */
  note(level: Level, context: object, message: string): void {
    this.#write({ level, context, message }, true)
  }

  /** Write to a file from now on, behind what it holds; first, what came before. */
  open(path: string): void {
    if (this.#isOpen) return
    try {
      this.#file = openSync(path, 'a', 0o600)
      this.#bytes = fstatSync(this.#file).size
      this.#isOpen = true
    } catch (error) {
      this.#giveUp(error)
    }
    for (const line of this.#early.splice(0)) this.#write(line)
  }

  close(): void {
    this.#tellRest()
    this.#isOpen = false
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }

  #add(line: Line): void {
    const { now = clock } = this.#options
    const key = kindOf(line)
    const kind = this.#kinds.get(key)
    if (!kind) {
      if (this.#kinds.size < mostKinds) this.#kinds.set(key, { toldAt: now(), again: 0, last: line })
      return this.#write(line)
    }
    kind.last = line
    kind.again++
    if (now() - kind.toldAt >= againMs) this.#tell(kind, now())
  }

  #tell(kind: Kind, now: number): void {
    const { level, context, message } = kind.last
    this.#write({ level, context: { ...context, times: kind.again }, message })
    kind.again = 0
    kind.toldAt = now
  }

  #tellRest(): void {
    const { now = clock } = this.#options
    for (const kind of this.#kinds.values()) if (kind.again > 0) this.#tell(kind, now())
  }

  #write(line: Line, isLast = false): void {
    if (!this.#isOpen) {
      if (this.#early.length < mostEarly) this.#early.push(line)
      return
    }
    if (this.#isFull && !isLast) return
    this.#append(line)
    const { mostBytes = defaultMostBytes } = this.#options
    if (this.#isFull || this.#bytes < mostBytes) return
    this.#isFull = true
    this.#append({ level: 'warn', context: {}, message: 'the log is full: only how the run ends is told from here on' })
  }

  #append(line: Line): void {
    const { mask } = this.#options
    const bytes = Buffer.from(lineOf(line, { mask }))
    try {
      for (let at = 0; this.#file !== undefined && at < bytes.length;) at += writeSync(this.#file, bytes, at)
      this.#bytes += bytes.length
    } catch (error) {
      this.#giveUp(error)
    }
  }

  #giveUp(error: unknown): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
    this.#isOpen = false
    this.#early = []
    this.#options.caller.warn({}, `the run's log can't be written: ${describeError(error)}`)
  }
}

/** Lines that differ only in numbers and times are of one kind. */
function kindOf({ level, context, message }: Line): string {
  const { code, collection } = context as { code?: unknown; collection?: unknown }
  return JSON.stringify([level, code, collection, message.replace(/\d+/g, '#')])
}
