/**
 * `npm run bench:verify -- [--count 1000000] [--runs 3] [--export] [--databases 5000]`: verifying two files against reading both of them alone, by the same readers, and
 * against a sorted dump and diff of the same documents; and errors planted in them, of which all must be named, and no other.
 *
 * With `--export` the files are exports, which their reader checks against what their last line states. `--databases` says how many documents
 * are compared between real servers; 0 leaves these out.
 *
 * Each measurement is a process of its own, so that its memory can be told.
 */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { parseArgs } from 'node:util'
import { openSource } from '../../lib/open.ts'
import { migrate } from '../../lib/run.ts'
import type { Document } from '../../lib/types.ts'
import { stringifyJson } from '../../lib/values/index.ts'
import { verify } from '../../lib/verify/verify.ts'
import { simpleDocuments } from '../../spec/support/generator.ts'
import { plantErrors, tellDifference } from '../../spec/verify/planted.ts'

interface Measured {
  readonly seconds: number
  /** User and system. */
  readonly cpuSeconds: number
  readonly megabytes: number
}

const self = fileURLToPath(import.meta.url)
const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000000' },
    runs: { type: 'string', default: '3' },
    export: { type: 'boolean', default: false },
    databases: { type: 'string', default: '5000' },
    job: { type: 'string' },
    folder: { type: 'string' }
  }
})
const count = Number(values.count)

if (values.job === undefined) {
  await compare()
  await compareServers(Number(values.databases))
} else await doJob(values.job, values.folder!)

async function compare(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'docferry-bench-verify-'))
  const path = (name: string): string => join(folder, `${name}.ndjson`)
  try {
    const made = plantErrors(count)
    const { planted } = made
    await write(path('ours'), made.source())
    await write(path('theirs'), made.target())
    const list = join(folder, 'differences.ndjson')
    await verify({ source: path('ours'), target: path('theirs'), rename: { ours: 'theirs' }, stateDir: folder, differences: list })
    const named = (await readFile(list, 'utf8')).trim().split('\n').map(tellDifference).sort()
    const isRight = JSON.stringify(named) === JSON.stringify(planted.map(each => each.join(' ')).sort())
    console.log(
      `${count} documents with ${planted.length} planted differences: ${isRight ? 'all are named, and no other' : `WRONG: ${named.join('; ')}`}\n`
    )
    if (!isRight) process.exitCode = 1
    await write(path('ours'), simpleDocuments({ seed: 1, count, bytes: 600 }))
    // The same documents in another order, as another database gives them.
    execFileSync('sh', ['-c', `tac "${path('ours')}" > "${path('theirs')}"`])
    if (values.export) for (const name of ['ours', 'theirs']) await makeExport(folder, name)
    // The heads of two exports differ.
    const jobs = ['read', 'verify', ...(values.export ? [] : ['sort'])]
    const samples = new Map(jobs.map(job => [job, [] as Measured[]]))
    for (let run = 0; run < Number(values.runs); run++) for (const job of jobs) samples.get(job)!.push(measure(job, folder))
    console.log(tableOf(new Map(jobs.map(job => [job, medianOf(samples.get(job)!)]))))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function compareServers(documents: number): Promise<void> {
  if (documents === 0) return
  console.log('')
  // Not in the processes that are measured.
  const { compareDatabases } = await import('./verify-databases.ts')
  if (!(await compareDatabases(documents))) process.exitCode = 1
}

/** In place of the documents alone. */
async function makeExport(folder: string, name: string): Promise<void> {
  const [plain, made] = [join(folder, `${name}.ndjson`), join(folder, 'export.ndjson')]
  await migrate({ source: plain, target: made, stateDir: folder })
  await rename(made, plain)
}

function measure(job: string, folder: string): Measured {
  return JSON.parse(
    execFileSync(process.execPath, [self, '--job', job, '--folder', folder, '--count', String(count)], { encoding: 'utf8' })
  ) as Measured
}

/** In a process of its own, which prints what it took. */
async function doJob(job: string, folder: string): Promise<void> {
  // As the command does it.
  setFlagsFromString('--heap-growing-percent=40')
  const [ours, theirs] = [join(folder, 'ours.ndjson'), join(folder, 'theirs.ndjson')]
  const start = performance.now()
  if (job === 'read') await Promise.all([ours, theirs].map(read))
  if (job === 'verify') {
    const { state } = await verify({ source: ours, target: theirs, rename: { ours: 'theirs' }, stateDir: folder })
    if (state !== 'equal') throw new Error(`two equal files are ${state}`)
  }
  if (job === 'sort') {
    const sorted = (path: string): string => `LC_ALL=C sort "${path}" -o "${path}.sorted"`
    execFileSync('sh', ['-c', `${sorted(ours)} & ${sorted(theirs)} & wait; diff -q "${ours}.sorted" "${theirs}.sorted"`], {
      stdio: 'inherit'
    })
  }
  const seconds = (performance.now() - start) / 1_000
  const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage()
  console.log(JSON.stringify({ seconds, cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, megabytes: maxRSS / 1024 }))
}

async function read(path: string): Promise<void> {
  const source = await openSource(path)
  let documents = 0
  for (const partition of await source.partitions(null, { wanted: 4 }))
    for await (const page of source.read(partition, { pageSize: 500 })) documents += page.documents.length
  await source.close()
  if (documents !== count) throw new Error(`${documents} documents of ${count}`)
}

async function write(path: string, documents: Iterable<Document>): Promise<void> {
  const file = createWriteStream(path)
  let text = ''
  for (const document of documents) {
    text += `${stringifyJson(document)}\n`
    if (text.length < 1 << 20) continue
    if (!file.write(text)) await once(file, 'drain')
    text = ''
  }
  file.end(text)
  await once(file, 'close')
}

function medianOf(samples: readonly Measured[]): Measured {
  const median = (part: keyof Measured): number => samples.map(sample => sample[part]).sort((a, b) => a - b)[samples.length >> 1]!
  return { seconds: median('seconds'), cpuSeconds: median('cpuSeconds'), megabytes: median('megabytes') }
}

function tableOf(results: ReadonlyMap<string, Measured>): string {
  const names: Readonly<Record<string, string>> = {
    read: 'reading both alone',
    verify: 'verify',
    sort: 'sort, sort and diff (its own memory not told)'
  }
  const base = results.get('read')!
  const rows = [...results].map(([job, { seconds, cpuSeconds, megabytes }]) => [
    names[job]!,
    seconds.toFixed(1),
    (seconds / base.seconds).toFixed(2),
    job === 'sort' ? '' : cpuSeconds.toFixed(1),
    job === 'sort' ? '' : (cpuSeconds / base.cpuSeconds).toFixed(2),
    job === 'sort' ? '' : megabytes.toFixed(0)
  ])
  const head = ['what', 'seconds', 'ratio', 'CPU seconds', 'ratio', 'RSS MB']
  return [head, head.map(() => '---'), ...rows].map(row => `| ${row.join(' | ')} |`).join('\n')
}
