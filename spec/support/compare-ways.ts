/** Runs between files that take a fast way, held against the same runs by the plain one. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import type { MigrateOptions } from '../../lib/options.ts'
import type { RunReport } from '../../lib/report.ts'
import { migrate } from '../../lib/run.ts'
import type { Document, StageLike } from '../../lib/types.ts'
import { parseJson } from '../../lib/values/index.ts'
import { documentsIn } from './told.ts'

/** A stage of which nothing is known: every document is made, and comes to it. */
export const lookAtAll: StageLike = document => document

/** Lines that are rare, or none. */
export const oddLines = [
  '{"_id":"rev","_rev":"1-a","_attachments":{"a":{"length":3},"b":{"length":4}},"secret":1,"n":1}',
  '{"_id":"number","n":[1.0,-0,1e5,1.50],"z":{"b":2.0,"a":12345678901234567890},"long":0.9113690123456789,"secret":3.0}',
  `{"_id":"digits","n":[${'7'.repeat(10_000)},-${'7'.repeat(10_000)},0.${'0'.repeat(20_000)}5]}`,
  `{"_id":"too many digits","n":${'7'.repeat(10_001)}}`,
  '{"_id":"date","at":{"$date":"2026-01-01T00:00:00Z"},"secret":{"deep":[1,2]}}',
  '{"_id":"twice","a":1,"a":2}',
  '{"_id":"_design/view","views":{}}',
  '{ "_id" : "space" , "secret" : "x" , "b" : [ 1 , 2 ] }\r',
  '   ',
  'no JSON',
  '{"no":"id"}',
  '{"_id":"again","n":1}',
  '{"_id":"again","n":2}',
  `{"_id":"large","text":"${'é'.repeat(700_000)}"}`
]

/** What a run tells but for times and places, and its documents in their order. */
export interface Outcome {
  readonly told: {
    readonly counts: Omit<RunReport['collections'][number], 'bytesRead'>[]
    /** Of each collection; of all where what is read of a file at once is shared out among them. */
    readonly bytesRead: readonly number[]
    readonly notes: readonly string[]
    readonly state: string
    readonly root?: string | undefined
  }
  readonly letters: readonly string[]
  readonly documents: readonly Document[]
}

export class Ways {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  path(name: string): string {
    return join(this.#folder, name)
  }

  async run(name: string, input: string, output: string, options: Partial<MigrateOptions>): Promise<Outcome> {
    const report = await migrate({
      source: { connector: 'file', options: { path: this.path(input) } },
      target: { connector: 'file', options: { path: this.path(output) } },
      stateDir: this.path(name),
      ...options
    })
    const letters = report.deadLetters === undefined ? [] : (await readFile(report.deadLetters, 'utf8')).split('\n')
    return { told: told(report, input.endsWith('.json')), letters, documents: await documentsOf(this.path(output)) }
  }

  /** @returns what the fast way gave */
  async compare(input: string, options: Partial<MigrateOptions> = {}, to = 'ndjson'): Promise<Outcome> {
    const fast = await this.run('fast', input, `fast.${to}`, options)
    const plain = await this.run('plain', input, `plain.${to}`, { ...options, stages: [...(options.stages ?? []), lookAtAll] })
    expect(fast.told).to.deep.equal(plain.told)
    expect(fast.letters.map(withoutPlace)).to.deep.equal(plain.letters.map(withoutPlace))
    expect(byId(fast.documents)).to.deep.equal(byId(plain.documents))
    return fast
  }
}

function told({ collections, notes, state, receiptRoot }: RunReport, isShared: boolean): Outcome['told'] {
  const counts = collections.map(
    ({ startedAt: _startedAt, finishedAt: _finishedAt, bytesWritten: _bytesWritten, bytesRead: _bytesRead, ...counted }) => counted
  )
  const each = collections.map(({ bytesRead }) => bytesRead)
  const bytesRead = isShared ? [each.reduce((sum, bytes) => sum + bytes, 0)] : each
  return { counts: counts as Outcome['told']['counts'], bytesRead, notes, state, root: receiptRoot }
}

async function documentsOf(file: string): Promise<Document[]> {
  if (file.endsWith('.json')) {
    const { data } = parseJson(await readFile(file, 'utf8')) as unknown as { readonly data: Readonly<Record<string, Document[]>> }
    return Object.values(data).flat()
  }
  return await documentsIn(file)
}

/** By the plain way, a document whose id came before is written a little later; those of one id stay in their order. */
const byId = (documents: readonly Document[]): Document[] => documents.toSorted((a, b) => (a._id < b._id ? -1 : a._id > b._id ? 1 : 0))

/** Which mark a letter stands behind hangs on where pages end. */
const withoutPlace = (letter: string): string => letter.replace(/"mark":\d+/, '')
