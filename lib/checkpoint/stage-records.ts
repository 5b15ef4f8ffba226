/** What stages keep of what they make beside the run: on disk the moment they say it, and not with the next checkpoint. */
import { appendFileSync, readFileSync } from 'node:fs'
import { DocferryError, describeError } from '../errors.ts'
import type { Json, StageRecords } from '../types.ts'
import { parseText } from '../values/index.ts'

export const stageRecordsName = 'stage-records.ndjson'

interface Line {
  readonly stage: string
  readonly record: Json
}

export class KeptRecords {
  readonly #path: string
  /** Whether what is added begins a line: a process that was killed may have left a piece of one. */
  #isAtLine = false

  /** @param path there is nothing of a run that has not begun */
  constructor(path: string) {
    this.#path = path
  }

  /** Those of the stages of this name. */
  of(stage: string): StageRecords {
    return {
      list: () => this.#read().flatMap(line => (line.stage === stage ? [line.record] : [])),
      add: record => this.#add({ stage, record })
    }
  }

  #read(): readonly Line[] {
    try {
      return readFileSync(this.#path, 'utf8').split('\n').flatMap(lineOf)
    } catch (error) {
      if ((error as { code?: unknown }).code === 'ENOENT') return []
      throw this.#unusable(error)
    }
  }

  #add(line: Line): void {
    try {
      appendFileSync(this.#path, `${this.#isAtLine ? '' : '\n'}${JSON.stringify(line)}\n`, { mode: 0o600 })
      this.#isAtLine = true
    } catch (error) {
      throw this.#unusable(error)
    }
  }

  #unusable(cause: unknown): DocferryError {
    return new DocferryError('DOCFERRY_STATE', `what stages make can't be kept in ${this.#path}: ${describeError(cause)}`, { cause })
  }
}

/** A line that is damaged proves nothing, and is as if it were not there. */
function lineOf(text: string): Line[] {
  try {
    const line = text === '' ? undefined : (parseText(text) as Partial<Line> | null)
    return typeof line?.stage === 'string' && line.record !== undefined ? [line as Line] : []
  } catch {
    return []
  }
}
