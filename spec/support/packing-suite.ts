/** A database's documents that travel packed, held against the same runs by the plain way. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { MigrateOptions } from '../../lib/options.ts'
import type { RunReport } from '../../lib/report.ts'
import { migrate } from '../../lib/run.ts'
import { strip } from '../../lib/stages/strip.ts'
import type { Connector, Document, OnConflict, StageLike, Target } from '../../lib/types.ts'
import { undo } from '../../lib/undo/undo.ts'
import { lookAtAll } from './compare-ways.ts'
import { simpleDocuments } from './generator.ts'
import { documentsIn, lettersOf, told } from './told.ts'

export interface PackingSuite {
  readonly connector: Connector
  /** The server's, as the connector's `configure` gives them. */
  readonly options: () => Promise<object>
  /** Remove what a collection is there. */
  readonly drop: (name: string) => Promise<void>
  /** Lines that are rare, or none, for this database. */
  readonly odd: readonly string[]
  /** Documents that are not. Default 1,500. */
  readonly count?: number
  /** Runs that read, beside those of every database. */
  readonly reading?: readonly Partial<MigrateOptions>[]
}

const context = { logger: { debug() {}, info() {}, warn() {}, error() {} } }

export function packingSuite({ connector, odd, drop, count = 1_500, ...suite }: PackingSuite): void {
  let folder: string
  let options: object
  let target: Target
  before(async () => {
    options = await suite.options()
    target = await connector.openTarget(options, context)
  })
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'docferry-packing-'))))
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true })
    for (const name of [from, to]) await drop(name)
  })
  after(async () => await target.close())

  const path = (name: string): string => join(folder, name)
  const file = (name: string) => ({ connector: 'file', options: { path: path(name), collection: 'packing' } }) as const
  const database = () => ({ connector, options }) as const
  /** That takes documents as objects only. */
  const plainly: Connector = {
    ...connector,
    async openTarget(...given) {
      const { lines: _lines, ...rest } = await connector.openTarget(...given)
      return rest
    }
  }

  // Receipts hang on the names too.
  const [from, to] = ['from', 'to'].map(name => `packing_${name}_${process.pid}`) as [string, string]

  async function documentsOf(name: string, ids: readonly string[]): Promise<Document[]> {
    const found: Document[] = []
    for (let at = 0; at < ids.length; at += 100) found.push(...((await target.get(name, ids.slice(at, at + 100), {})) ?? []))
    return found.toSorted((a, b) => (a._id < b._id ? -1 : 1))
  }

  const input = (): string[] => {
    const lines = [...simpleDocuments({ seed: 3, count, bytes: 300 })].map(each => JSON.stringify(each))
    for (const [index, line] of odd.entries()) lines.splice(Math.floor((index + 0.5) * (count / odd.length)), 0, line)
    return lines
  }

  for (const onConflict of ['skip', 'overwrite', 'fail'] as const satisfies readonly OnConflict[])
    for (const undoable of onConflict === 'overwrite' ? [false, true] : [false])
      it(`are written as by the plain way: ${onConflict}${undoable ? ', and can be undone' : ''}`, async () => {
        const lines = input()
        await writeFile(path('in.ndjson'), lines.join('\n'))
        const seeds = lines
          .slice(200, 260)
          .flatMap(line => (line.startsWith('{"_id":"') && !/"_rev"|_design|_odd|""/.test(line) ? [line] : []))
        // Half of what stands there is the same, and half is not.
        await writeFile(
          path('seed.ndjson'),
          seeds.map((line, at) => (at % 2 === 0 ? line : line.replace('{', '{"other":true,'))).join('\n')
        )
        const ids = [...new Set(lines.flatMap(line => /^\{ ?"_id" ?: ?"([^"]{1,2000})"/.exec(line)?.[1] ?? []))]
        const run = async (name: string, more: Partial<MigrateOptions>) => {
          const ends = { target: database(), rename: { packing: to }, stateDir: path(name) }
          await drop(to)
          await migrate({ source: file('seed.ndjson'), ...ends })
          const before = await documentsOf(to, ids)
          const report = await migrate({
            source: file('in.ndjson'),
            onConflict,
            ...(undoable && { undo: 'all' as const }),
            ...ends,
            ...more
          })
          const documents = await documentsOf(to, ids)
          if (undoable) {
            await undo({ stateDir: path(name), run: report.runId, target: database() })
            expect(await documentsOf(to, ids)).to.deep.equal(before)
          }
          return { told: told(report), letters: await lettersOf(report), documents }
        }
        const packed = await run('packed', {})
        const packedLate = await run('packed-late', { stages: [lookAtAll] })
        const plain = await run('plain', { stages: [lookAtAll], target: { connector: plainly, options } })
        for (const key of Object.keys(plain) as (keyof typeof plain)[]) {
          expect(packed[key], key).to.deep.equal(plain[key])
          expect(packedLate[key], key).to.deep.equal(plain[key])
        }
        expect(packed.told.counts[0]!.failed).to.be.greaterThan(3)
        expect(packed.documents.length).to.be.greaterThan(count)
      })

  it('are read as by the plain way', async () => {
    await writeFile(path('in.ndjson'), input().join('\n'))
    const ends = { target: database(), rename: { packing: from }, stateDir: path('state') }
    await migrate({ source: file('in.ndjson'), ...ends })
    const always: Partial<MigrateOptions>[] = [
      {},
      { stages: [strip(['n', 'note'])] },
      { keepMetadata: true },
      { includeDesign: true },
      { parallel: 1 }
    ]
    for (const [index, more] of [...always, ...(suite.reading ?? [])].entries()) {
      const run = async (name: string, stages: readonly StageLike[]) => {
        const collections = [from]
        const given = [...(more.stages ?? []), ...stages]
        const report = await migrate({
          source: database(),
          target: file(name),
          collections,
          stateDir: path('state'),
          ...more,
          stages: given
        })
        const documents = await documentsIn(path(name))
        return { told: told(report), documents: documents.toSorted((a, b) => (a._id < b._id ? -1 : 1)) }
      }
      const packed = await run(`packed${index}.ndjson`, [])
      const plain = await run(`plain${index}.ndjson`, [lookAtAll])
      for (const key of Object.keys(plain) as (keyof typeof plain)[]) expect(packed[key], key).to.deep.equal(plain[key])
      expect(packed.documents.length).to.be.greaterThan(count)
    }
  })

  it('come from one to another', async () => {
    await writeFile(path('in.ndjson'), input().join('\n'))
    const stateDir = path('state')
    await migrate({ source: file('in.ndjson'), target: database(), rename: { packing: from }, stateDir })
    const copy = async (stages: readonly StageLike[]): Promise<RunReport> => {
      await drop(to)
      return await migrate({ source: database(), target: database(), collections: [from], rename: { [from]: to }, stateDir, stages })
    }
    expect(told(await copy([]))).to.deep.equal(told(await copy([lookAtAll])))
  })
}
