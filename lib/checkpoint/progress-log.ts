/**
 * What the target has acknowledged since a checkpoint, mark by mark: small files behind `checkpoint.json`, which names the first of them.
 *
 * A step is handed to the system at once, so that a process that is killed loses none. Logs follow one another: each begins where the one
 * before it ends, and says so by that one's last checksum. So a checkpoint may be on its way to the disk while the next log is written.
 */
import { createHash } from 'node:crypto'
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { readdir, readText, removeFile } from '../engine/near-files.ts'
import { DocferryError, describeError } from '../errors.ts'
import type { Step } from './checkpoint.ts'
import { parseText } from '../values/index.ts'
import { inState } from './state-file.ts'

/** Version of the form; a newer docferry reads older ones, not the other way round. */
const formVersion = 1

const logName = /^progress-([1-9]\d*)\.ndjson$/

/** The first line of a log. */
interface Head {
  readonly docferry: 'progress'
  readonly form: number
  readonly runId: string
  /** Checksum of the last line of the log before it; empty where there is none. */
  readonly follows: string
}

/** Where a chain of logs ends. */
export interface ChainEnd {
  /** Of the last log; the next one gets the number behind it. */
  readonly number: number
  /** Of its last whole line. */
  readonly checksum: string
}

/** A log that is being written. Its lines are `{"sum":"<8 hex digits>","step":...}`, where a sum covers its line and the sum before. */
export class ProgressLog {
  readonly number: number
  readonly #folder: string
  readonly #runId: string
  readonly #path: string
  readonly #file: number
  #checksum: string
  #isEmpty = true

  private constructor(folder: string, runId: string, { number, checksum }: ChainEnd) {
    this.#folder = folder
    this.#runId = runId
    this.number = number + 1
    this.#path = pathOf(folder, this.number)
    this.#checksum = checksum
    try {
      this.#file = openSync(this.#path, 'wx', 0o600)
    } catch (error) {
      throw unwritable(this.#path, error)
    }
    const head: Head = { docferry: 'progress', form: formVersion, runId, follows: checksum }
    try {
      this.#write('log', head)
    } catch (error) {
      this.close()
      rmSync(this.#path, { force: true })
      throw error
    }
  }

  /** Begin the log behind the end of a chain. @throws {DocferryError} DOCFERRY_STATE */
  static begin(folder: string, runId: string, behind: ChainEnd): ProgressLog {
    return new ProgressLog(folder, runId, behind)
  }

  /** @throws {DocferryError} DOCFERRY_STATE: the log must not be added to any more, for its last line may be half there */
  add(step: Step): void {
    this.#isEmpty = false
    this.#write('step', step)
  }

  /** Whether it has no step. */
  get isEmpty(): boolean {
    return this.#isEmpty
  }

  /** End this log, and begin the one behind it. @throws {DocferryError} DOCFERRY_STATE */
  next(): ProgressLog {
    const next = new ProgressLog(this.#folder, this.#runId, { number: this.number, checksum: this.#checksum })
    this.close()
    return next
  }

  close(): void {
    closeSync(this.#file)
  }

  #write(name: 'log' | 'step', content: object): void {
    const body = JSON.stringify(content)
    const checksum = checksumOf(this.#checksum, body)
    const line = Buffer.from(`{"sum":"${checksum}","${name}":${body}}\n`)
    try {
      for (let at = 0; at < line.length;) at += writeSync(this.#file, line, at)
    } catch (error) {
      throw unwritable(this.#path, error)
    }
    this.#checksum = checksum
  }
}

/**
 * The steps behind a checkpoint. What follows a line that is torn, changed or missing is left out: less is known then, and nothing wrong.
 *
 * @param first number of the log that the checkpoint names
 * @throws {DocferryError} DOCFERRY_STATE where a log is of another run, or of a newer docferry
 */
export async function readProgress(
  folder: string,
  { runId, first }: { readonly runId: string; readonly first: number }
): Promise<{ readonly steps: readonly Step[]; readonly end: ChainEnd }> {
  const steps: Step[] = []
  let end: ChainEnd = { number: first - 1, checksum: '' }
  for (let number = first; ; number++) {
    const path = pathOf(folder, number)
    const lines = await readLines(path)
    const head = lines && headOf(lines)
    if (!lines || !head) return { steps, end }
    if (head.runId !== runId) throw unusable(path, `it is of another run, ${head.runId}`)
    if (head.form > formVersion) throw unusable(path, `it is of a newer docferry (form ${head.form})`)
    if (number > first && head.follows !== end.checksum) return { steps, end }
    let checksum = head.follows
    for (const line of lines) {
      const found = contentOf(line, checksum)
      if (!found) break
      checksum = found.checksum
      if (found.step) steps.push(found.step)
    }
    end = { number, checksum }
  }
}

/** Remove logs that nothing refers to any more. @throws {DocferryError} DOCFERRY_STATE */
export async function removeProgress(folder: string, isUnwanted: (number: number) => boolean): Promise<void> {
  await inState(`logs that are not wanted any more can't be removed from ${folder}`, async () => {
    const numbers = (await readdir(folder)).map(name => Number(logName.exec(name)?.[1] ?? 0))
    const unwanted = numbers.filter(number => number > 0 && isUnwanted(number))
    await Promise.all(unwanted.map(number => removeFile(pathOf(folder, number))))
  })
}

function pathOf(folder: string, number: number): string {
  return join(folder, `progress-${number}.ndjson`)
}

/** @returns the whole lines; undefined where there is no such file */
async function readLines(path: string): Promise<string[] | undefined> {
  try {
    return (await readText(path)).split('\n').slice(0, -1)
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined
    throw new DocferryError('DOCFERRY_STATE', `${path} can't be read: ${describeError(error)}`, { cause: error })
  }
}

function headOf([line = '']: readonly string[]): Head | undefined {
  const body = /^\{"sum":"[0-9a-f]{8}","log":(\{.*\})\}$/.exec(line)?.[1]
  try {
    const head = parseText(body ?? 'null') as Head | null
    // What is no head is a first line that is torn; what is a whole one says what it belongs to.
    return head && contentOf(line, head.follows) ? head : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** @returns undefined for a line that is not as it was written, or not behind the one with that checksum */
function contentOf(line: string, checksumBefore: string): { readonly checksum: string; readonly step?: Step } | undefined {
  const [, checksum, name, body] = /^\{"sum":"([0-9a-f]{8})","(log|step)":(\{.*\})\}$/.exec(line) ?? []
  if (checksum === undefined || body === undefined || checksumOf(checksumBefore, body) !== checksum) return undefined
  return name === 'step' ? { checksum, step: parseText(body) as Step } : { checksum }
}

function checksumOf(before: string, body: string): string {
  return createHash('sha256').update(before).update(body).digest('hex').slice(0, 8)
}

function unusable(path: string, why: string): DocferryError {
  return new DocferryError('DOCFERRY_STATE', `${path} can't be used: ${why}`)
}

function unwritable(path: string, cause: unknown): DocferryError {
  return new DocferryError('DOCFERRY_STATE', `${path} can't be written: ${describeError(cause)}`, { cause })
}
