/** Runs whose digests lie in memory that is used again, held against the same runs by the plain way: what was given back is overwritten (`spoil-what-is-free`). */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { listRuns } from '../lib/checkpoint/run-folder.ts'
import { DocferryError } from '../lib/errors.ts'
import type { Endpoint } from '../lib/open.ts'
import type { MigrateOptions } from '../lib/options.ts'
import { loadConnector } from '../lib/registry.ts'
import { migrate } from '../lib/run.ts'
import { strip } from '../lib/stages/strip.ts'
import type { Connector } from '../lib/types.ts'
import { verify } from '../lib/verify/verify.ts'
import { PackThread } from '../lib/work/pack-thread.ts'
import { Packer } from '../lib/work/packer.ts'
import { lookAtAll, oddLines, Ways } from './support/compare-ways.ts'
import { simpleDocuments } from './support/generator.ts'
import { random } from './support/random.ts'

describe('digests that are lent', function () {
  this.timeout(120_000)
  let folder: string
  before(() => void (Packer.waitsForThreads = true))
  after(() => void (Packer.waitsForThreads = false))
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'docferry-lent-'))))
  afterEach(async () => await rm(folder, { recursive: true, force: true }))

  const path = (name: string): string => join(folder, name)

  /** Documents of all sizes, in stretches of like ones, and lines that are rare. */
  const writeInput = async (file: string, { bytes, seed }: { readonly bytes: number; readonly seed: number }): Promise<void> => {
    const dice = random(seed, 'lent')
    const texts = [30, 300, 3_000].map(size =>
      [...simpleDocuments({ seed, count: 200, bytes: size })].map(({ _id, ...rest }) => JSON.stringify(rest).slice(1))
    )
    const lines: string[] = [...oddLines.slice(0, -1)]
    for (let length = 0; length < bytes;) {
      const kind = dice.below(4)
      for (let left = 1 + dice.below(3_000 >> kind); left > 0; left--) {
        const id = `{"_id":"${kind}-${lines.length}"`
        const line = kind === 0 ? `${id}}` : `${id},${texts[kind - 1]![dice.below(200)]!}`
        length += line.length
        lines.push(line)
      }
      if (dice.below(8) === 0) lines.push(oddLines[dice.below(oddLines.length - 3)]!)
    }
    await writeFile(file, `${lines.join('\n')}\n`)
  }

  /** Blocks that threads have packed. */
  const countingThreads = async (work: () => Promise<void>): Promise<number> => {
    const { pack } = PackThread.prototype
    let count = 0
    PackThread.prototype.pack = function (...task) {
      count++
      return pack.apply(this, task)
    }
    try {
      await work()
    } finally {
      PackThread.prototype.pack = pack
    }
    return count
  }

  for (const workers of [0, 1, 2])
    it(`make the receipts of the plain way, with ${workers} threads beside the main one`, async () => {
      await writeInput(path('in.ndjson'), { bytes: 16 << 20, seed: 40 + workers })
      const options: Partial<MigrateOptions> = { workers, checkpointMs: 20 }
      const blocks = await countingThreads(async () => {
        const { told } = await new Ways(folder).compare('in.ndjson', options)
        expect(told.root).to.be.a('string')
        // Its reader compares them with what the export states.
        await rm(path('plain.ndjson'))
        const [source, target] = ['fast.ndjson', 'again.ndjson'].map(path) as [string, string]
        const again = await migrate({ source, target, stateDir: path('again'), ...options })
        const verified = await verify({ source, target, stateDir: path('again') })
        expect([again.receiptRoot, verified.state]).to.deep.equal([told.root, 'equal'])
      })
      expect(blocks > 0).to.equal(workers > 0)
    })

  it('make the receipts of the plain way out of short files', async () => {
    for (let seed = 0; seed < 12; seed++) {
      const ways = new Ways(await mkdtemp(join(folder, 'short-')))
      await writeInput(ways.path('in.ndjson'), { bytes: 200_000 * seed, seed })
      await ways.compare('in.ndjson', { workers: 0, checkpointMs: 1, stages: [strip(['secret'])] })
    }
  })

  it('make them also where the target failed, and the run went on', async () => {
    await writeInput(path('in.ndjson'), { bytes: 8 << 20, seed: 7 })
    const source = path('in.ndjson')
    const whole = await migrate({ source, target: path('whole.ndjson'), stateDir: path('whole'), stages: [lookAtAll] })
    const stateDir = path('state')
    const options = { source, stateDir, checkpointMs: 1, workers: 1 }
    let resume: string | undefined
    for (const failsAt of [5, 3, 9]) {
      const target = await failing(path('out.ndjson'), failsAt)
      const error = await migrate({ ...options, target, resume }).catch((thrown: unknown) => thrown)
      expect(error).to.be.instanceOf(DocferryError)
      resume = (await listRuns(stateDir))[0]!.runId
    }
    const report = await migrate({ ...options, target: path('out.ndjson'), resume })
    expect(report.receiptRoot).to.equal(whole.receiptRoot)
  })
})

/** A file whose writer fails with packed documents that it has taken. */
async function failing(path: string, at: number): Promise<Endpoint> {
  const real = await loadConnector('file')
  let writes = 0
  const connector: Connector = {
    ...real,
    async openTarget(...given) {
      const target = await real.openTarget(...given)
      return {
        ...target,
        async writePacked(...what) {
          await target.writePacked!(...what)
          if (++writes === at) throw new DocferryError('DOCFERRY_CONNECT', 'the disk broke')
        }
      }
    }
  }
  return { connector, options: { path } }
}
