/**
 * `npm run bench:stages -- [--count 100000] [--runs 5] [--large 1000000]`: what ten stages cost a document, against none, in a run from file to file; and a
 * long run through a stage of one's own in TypeScript, whose memory must not grow with it.
 *
 * Each measurement is a process of its own: its CPU (user and system) and its peak memory are the process's.
 */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { parseArgs } from 'node:util'
import { loadPipeline } from '../../lib/pipeline/load.ts'
import { makeStages } from '../../lib/pipeline/make-stages.ts'
import { migrate } from '../../lib/run.ts'
import type { Document } from '../../lib/types.ts'
import { stringifyJson } from '../../lib/values/index.ts'
import { simpleDocuments } from '../../spec/support/generator.ts'

interface Measured {
  readonly seconds: number
  /** User and system. */
  readonly cpuSeconds: number
  readonly megabytes: number
}

const self = fileURLToPath(import.meta.url)
const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    runs: { type: 'string', default: '5' },
    large: { type: 'string', default: '1000000' },
    job: { type: 'string' },
    folder: { type: 'string' }
  }
})

/** Each looks into every document, and most change it. */
const tenStages = `
  - strip: [absent, also.absent]
  - rename: { name: title }
  - set: { source: bench, label: "{{title}} of {{$collection}}" }
  - default: { fields: { status: open } }
  - move: { fields: { label: meta.label } }
  - convert: { fields: { count: string } }
  - filter: { status: open }
  - redact: [meta.label]
  - hash: { fields: [title], key: bench }
  - validate: { schema: { type: object, required: [_id] } }
`

if (values.job === undefined) await compare()
else await doJob(values.job, values.folder!)

async function compare(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'docferry-bench-stages-'))
  const [count, large] = [Number(values.count), Number(values.large)]
  try {
    await write(join(folder, 'documents.ndjson'), simpleDocuments({ seed: 1, count, bytes: 600 }))
    await write(join(folder, 'large.ndjson'), simpleDocuments({ seed: 2, count: large, bytes: 600 }))
    await writeFile(
      join(folder, 'own.ts'),
      'export const own = (document: { _id: string; n?: number }): object => ({ ...document, twice: (document.n ?? 0) * 2 })\n'
    )
    for (const [name, source, stages] of [
      ['none', 'documents', ''],
      ['ten', 'documents', tenStages],
      ['own', 'documents', '\n  - module: ./own.ts#own\n'],
      ['large', 'large', '\n  - module: ./own.ts#own\n']
    ] as const)
      await writeFile(
        join(folder, `${name}.yaml`),
        `source: ${join(folder, source)}.ndjson\ntarget: "file:${join(folder, name)}.out.ndjson?force=true"\n${stages === '' ? '' : `stages:${stages}`}`
      )
    const jobs = ['none', 'ten', 'own']
    const samples = new Map(jobs.map(job => [job, [] as Measured[]]))
    for (let run = 0; run < Number(values.runs); run++) for (const job of jobs) samples.get(job)!.push(measure(job, folder))
    const medians = new Map(jobs.map(job => [job, medianOf(samples.get(job)!)]))
    const none = medians.get('none')!
    console.log(`${count} documents of 600 bytes, medians of ${values.runs} runs\n`)
    console.log(
      '| stages | seconds | ratio | CPU seconds | ratio | us of CPU more for a document | RSS MB |\n|---|---|---|---|---|---|---|'
    )
    for (const [job, { seconds, cpuSeconds, megabytes }] of medians) {
      const more = ((cpuSeconds - none.cpuSeconds) / count) * 1e6
      const cells = [job, seconds, seconds / none.seconds, cpuSeconds, cpuSeconds / none.cpuSeconds, more, megabytes]
      console.log(`| ${cells.map(cell => (typeof cell === 'number' ? cell.toFixed(2) : cell)).join(' | ')} |`)
    }
    const { seconds, megabytes } = measure('large', folder)
    const { megabytes: before } = medians.get('own')!
    console.log(
      `\n${large} documents through own.ts: ${seconds.toFixed(1)} s, peak RSS ${megabytes.toFixed(0)} MB; ${count} documents: ${before.toFixed(0)} MB`
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function write(path: string, documents: Iterable<Document>): Promise<void> {
  const file = createWriteStream(path)
  for (const document of documents) if (!file.write(`${stringifyJson(document)}\n`)) await once(file, 'drain')
  file.end()
  await once(file, 'close')
}

function measure(job: string, folder: string): Measured {
  const text = execFileSync(process.execPath, [self, '--job', job, '--folder', folder], { encoding: 'utf8' })
  return JSON.parse(text) as Measured
}

async function doJob(job: string, folder: string): Promise<void> {
  // As the command line has it.
  setFlagsFromString('--heap-growing-percent=40')
  const environment = {}
  const pipeline = await loadPipeline(join(folder, `${job}.yaml`), { environment, cwd: folder })
  const stages = await makeStages(pipeline, { environment })
  const { user, system } = process.cpuUsage()
  const began = performance.now()
  const report = await migrate({
    source: pipeline.sources[0]!.address,
    target: pipeline.targets[0]!.address,
    stages,
    stateDir: join(folder, 'state')
  })
  if (report.state !== 'done') throw new Error(`the run has ended ${report.state}: ${JSON.stringify(report.collections)}`)
  const spent = process.cpuUsage()
  console.log(
    JSON.stringify({
      seconds: (performance.now() - began) / 1000,
      cpuSeconds: (spent.user - user + spent.system - system) / 1e6,
      megabytes: process.resourceUsage().maxRSS / 1024
    } satisfies Measured)
  )
}

function medianOf(samples: readonly Measured[]): Measured {
  const middle = (of: (sample: Measured) => number): number => samples.map(of).sort((a, b) => a - b)[samples.length >> 1]!
  return { seconds: middle(each => each.seconds), cpuSeconds: middle(each => each.cpuSeconds), megabytes: middle(each => each.megabytes) }
}
