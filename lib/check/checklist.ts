/** A list of points that is filled as they are looked at: what throws has failed, and the others are looked at all the same. */
import { now } from '../clock.ts'
import { docferryVersion } from '../config/version.ts'
import { DocferryError } from '../errors.ts'
import { countResults } from './report.ts'
import type { CheckLine, CheckPhase, CheckReport } from './report.ts'

/** What was found; without a result, all is well. */
export type Found = Partial<Pick<CheckLine, 'result' | 'detail' | 'advice' | 'code'>>

export class Checklist {
  readonly report: CheckReport
  readonly #signal: AbortSignal | undefined

  constructor(
    phase: CheckPhase,
    { runId, signal }: { readonly runId?: string | undefined; readonly signal?: AbortSignal | undefined } = {}
  ) {
    this.#signal = signal
    this.report = {
      phase,
      ...(runId !== undefined && { runId }),
      docferry: docferryVersion(),
      node: process.version,
      lines: [],
      collections: [],
      notes: [],
      step: '',
      state: 'running',
      startedAt: now()
    }
  }

  add(id: string, what: string, found: Found = {}): void {
    this.report.lines.push({ id, what, result: 'ok', ...found })
  }

  skip(id: string, what: string, why: string): void {
    this.add(id, what, { result: 'skipped', detail: why })
  }

  /** Something that only a person can do. */
  person(id: string, what: string, advice?: string): void {
    this.add(id, what, { result: 'person', ...(advice !== undefined && { advice }) })
  }

  note(notes: readonly string[] = []): void {
    for (const note of notes) if (!this.report.notes.includes(note)) this.report.notes.push(note)
  }

  /**
   * Look at one point.
   *
   * @returns what the work gives, or undefined where it has failed
   * @throws what is no trouble of the ends': an interruption, a bug
   */
  async look<T>(id: string, what: string, work: () => Promise<readonly [Found, T]>): Promise<T | undefined> {
    this.report.step = what
    this.#signal?.throwIfAborted()
    try {
      const [found, value] = await work()
      this.add(id, what, found)
      return value
    } catch (error) {
      this.#signal?.throwIfAborted()
      if (!(error instanceof DocferryError) || error.code === 'DOCFERRY_BUG') throw error
      this.add(id, what, { result: 'failed', detail: error.message, code: error.code })
      return undefined
    }
  }

  /** Look at one point that gives nothing to go on with. */
  async check(id: string, what: string, work: () => Promise<Found>): Promise<void> {
    await this.look(id, what, async () => [await work(), undefined])
  }

  finish(): CheckReport {
    const { failed, warning } = countResults(this.report.lines)
    this.report.state = failed > 0 ? 'failed' : warning > 0 ? 'warnings' : 'ok'
    this.report.finishedAt = now()
    return this.report
  }
}

/** `a, b and 3 more` */
export function listed(items: readonly string[], most = 10, between = ', '): string {
  return items.length > most ? `${items.slice(0, most).join(between)} and ${items.length - most} more` : items.join(between)
}
