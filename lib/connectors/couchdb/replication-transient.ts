/** Replications by `_replicate`, which leave no document: a continuous one is a job of the scheduler's, any other lasts as long as its request. */
import { DocferryError } from '../../errors.ts'
import type { Replication } from '../../contracts/replication.ts'
import type { Json } from '../../types.ts'
import type { Client } from './client.ts'
import { AnswerError, brokenAnswer } from './errors.ts'
import { countsOfAnswer, fromSchedulerJob, isObject } from './replication-documents.ts'
import { replicationTrouble } from './replication-trouble.ts'
import { parseText } from '../../values/index.ts'

type Body = { readonly [key: string]: Json }

/** One that is not continuous. */
interface OneTime {
  readonly body: Body
  readonly source: string
  readonly target: string
  /** Job of the scheduler, once it is seen. */
  job?: Replication
  /** How it ended, once it has. */
  end?: Replication
  /** Whether the connection broke off, so that only the scheduler can tell. */
  isCut: boolean
}

/** An answer comes when all is replicated: past this the scheduler is asked alone. */
const answerTimeoutMs = 4 * 60_000
const jobsPerRequest = 10_000

export class TransientReplications {
  readonly #on: Client
  readonly #censor: (text: string) => string
  readonly #begun = new Map<string, OneTime>()

  constructor(on: Client, censor: (text: string) => string) {
    this.#on = on
    this.#censor = censor
  }

  /** @returns the job's id where the server tells it at once, else the one that was given */
  async begin(id: string, body: Body, signal?: AbortSignal): Promise<string> {
    if (body['continuous'] === true) {
      const asked = this.#on.asked('asking to replicate', 'DOCFERRY_CONNECT')
      const answer = await this.#on.json({ method: 'POST', path: '/_replicate', body: JSON.stringify(body), asked, signal })
      const job = isObject(answer) ? answer['_local_id'] : undefined
      if (typeof job !== 'string') throw brokenAnswer(asked, 'names no replication')
      return job
    }
    const address = (end: Json | undefined): string => (isObject(end) ? String(end['url']) : '')
    const oneTime = { body, source: address(body['source']), target: address(body['target']), isCut: false }
    this.#begun.set(id, oneTime)
    void this.#await(id, oneTime)
    return id
  }

  /** @returns undefined for one that was not begun here, or is continuous */
  async look(id: string, signal?: AbortSignal): Promise<Replication | undefined> {
    const begun = this.#begun.get(id)
    if (!begun || begun.end) return begun?.end
    const job = (await this.jobs(signal)).find(
      ({ source, target, continuous }) => !continuous && source === begun.source && target === begun.target
    )
    if (begun.end) return begun.end
    if (!job && begun.isCut) {
      // It has come to its end, and nobody was told how. What is there is compared afterwards.
      begun.end = { ...(begun.job ?? nothing(begun)), id, state: 'completed' }
      return begun.end
    }
    if (job) begun.job = job
    return { ...(job ?? begun.job ?? nothing(begun)), id }
  }

  /** Those of the scheduler that no document has asked for. */
  async jobs(signal?: AbortSignal): Promise<Replication[]> {
    const asked = this.#on.asked('asking the scheduler', 'DOCFERRY_CONNECT')
    const told = await this.#on.json({ method: 'GET', path: `/_scheduler/jobs?limit=${jobsPerRequest}`, asked, signal })
    const jobs = isObject(told) ? told['jobs'] : undefined
    if (!Array.isArray(jobs)) throw brokenAnswer(asked, 'is no list of jobs')
    return jobs
      .filter(isObject)
      .filter(({ database }) => typeof database !== 'string')
      .map(job => fromSchedulerJob(job, this.#censor))
  }

  async cancel(id: string, signal?: AbortSignal): Promise<void> {
    const begun = this.#begun.get(id)
    this.#begun.delete(id)
    const body = JSON.stringify(begun ? { ...begun.body, cancel: true } : { replication_id: id, cancel: true })
    try {
      const asked = this.#on.asked('cancelling a replication', 'DOCFERRY_CONNECT')
      await this.#on.json({ method: 'POST', path: '/_replicate', body, asked, signal })
    } catch (error) {
      if (!(error instanceof AnswerError) || error.answer.status !== 404) throw error
    }
  }

  async #await(id: string, begun: OneTime): Promise<void> {
    const asked = this.#on.asked('replicating', 'DOCFERRY_REPLICATION')
    const fields = { ...nothing(begun), id }
    try {
      const request = { method: 'POST', path: '/_replicate', body: JSON.stringify(begun.body), asked, timeoutMs: answerTimeoutMs } as const
      const answer: unknown = parseText(await this.#on.text(request))
      const counts = countsOfAnswer(answer)
      const through = isObject(answer) ? answer['source_last_seq'] : undefined
      begun.end = { ...fields, state: 'completed', ...(counts && { counts }), ...(typeof through === 'string' && { through }) }
    } catch (error) {
      if (error instanceof AnswerError) {
        const { error: name = '', reason = '' } = error.answer
        begun.end = { ...fields, state: 'failed', errors: 1, trouble: replicationTrouble(`${name}: ${reason}`, this.#censor) }
      } else if (error instanceof DocferryError || error instanceof SyntaxError) begun.isCut = true
      else throw error
    }
  }
}

function nothing({ source, target }: OneTime): Replication {
  return { id: '', state: 'initializing', source, target, continuous: false, transient: true, errors: 0 }
}
