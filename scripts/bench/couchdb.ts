/** CouchDB: docferry against bare loops over the same requests, and against `@cloudant/couchbackup`, each as a process of its own. */
import { spawn } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import nano from 'nano'
import { runParallel } from '../../lib/engine/run-parallel.ts'
import type { Endpoint } from '../../lib/open.ts'
import type { Document } from '../../lib/types.ts'
import { readRanges } from './bare-couchdb.ts'
import type { CouchdbServer } from './bare-couchdb.ts'
import { arraySource, move, nullTarget } from './ends.ts'
import type { Contest } from './measure.ts'

const collection = 'bench_documents'

interface Place {
  readonly end: Endpoint
  readonly documents: readonly Document[]
  /** Of an output to be written. */
  readonly path: (name: string) => string
}

const chunks = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size))

export function couchdbContests({ end, documents, path }: Place, server: CouchdbServer): Contest[] {
  const client = nano(addressOf(server))
  const empty = async (): Promise<void> => {
    await client.db.destroy(collection).catch((error: { statusCode?: number }) => {
      if (error.statusCode !== 404) throw error
    })
  }
  const fill = async (): Promise<number> => {
    await client.db.create(collection)
    const database = client.use(collection)
    await runParallel(chunks(documents, 500), 4, async docs => void (await database.bulk({ docs })))
    return documents.length
  }
  const middle = middleOf(documents)
  const readBoth = (): Promise<number> => readRanges(server, { database: collection, middle })
  const file: Endpoint = { connector: 'file', options: { path: path('couchdb.ndjson'), force: true, collection } }
  return [
    {
      name: 'CouchDB write',
      bareName: 'nano.bulk, 500 x 4 in flight',
      documents: documents.length,
      prepare: empty,
      bare: fill,
      ours: () => move(arraySource(collection, documents), end, collection)
    },
    {
      name: 'CouchDB read',
      bareName: 'streamed _all_docs by lines, JSON.parse, 2 key ranges',
      documents: documents.length,
      bare: readBoth,
      ours: () => move(end, nullTarget(), collection)
    },
    {
      name: 'CouchDB export to NDJSON',
      bareName: 'the same, to nowhere',
      documents: documents.length,
      prepare: () => rm(path('couchdb.ndjson'), { force: true }),
      bare: readBoth,
      ours: () => move(end, file, collection)
    },
    {
      name: 'CouchDB restore of NDJSON',
      bareName: 'nano.bulk of documents in memory, 500 x 4 in flight',
      documents: documents.length,
      prepare: empty,
      bare: fill,
      ours: () => move(file, end, collection)
    }
  ]
}

/** The id with half of the documents before it. */
export function middleOf(documents: readonly Document[]): string {
  return documents.map(({ _id }) => _id).toSorted()[documents.length >> 1]!
}

export function addressOf({ url, user, password }: CouchdbServer): string {
  const address = new URL(url)
  address.username = user
  address.password = password
  return address.href
}

/** What a process took. */
export interface ChildSample {
  readonly name: string
  readonly seconds: number
  /** Its own CPU time and that of the threads in it. */
  readonly cpuSeconds: number
  readonly peakMegabytes: number
}

/**
 * `docferry export` and `import`, couchbackup's `couchbackup` and `couchrestore`, and a bare reader, in turn, of the database that is there.
 *
 * @param middle an id with half of the documents before it
 * @param peers the folder with couchbackup in its `node_modules`: `npm install --prefix FOLDER @cloudant/couchbackup`
 */
export async function couchbackupRounds(
  server: CouchdbServer,
  { database, middle, peers, path, rounds }: { database: string; middle: string; peers: string; path: Place['path']; rounds: number }
): Promise<ChildSample[]> {
  const docferry = fileURLToPath(new URL('../../bundle/main.js', import.meta.url))
  const bareReader = fileURLToPath(new URL('bare-couchdb.js', import.meta.url))
  const peer = (name: string): string => join(peers, 'node_modules', '@cloudant', 'couchbackup', 'bin', `${name}.bin.js`)
  const client = nano(addressOf(server))
  const env = { COUCHDB_URL: server.url, COUCHDB_USER: server.user, COUCHDB_PASSWORD: server.password }
  const copy = `${database}_bench_copy`
  const [ours, theirs, state] = [path('export.ndjson'), path('couchbackup.txt'), path('state')]
  const drop = (): Promise<unknown> => client.db.destroy(copy).catch(() => undefined)
  const common = ['-q', '--state-dir', state]
  const url = ['--url', addressOf(server)]
  // What couchbackup leaves of itself goes where the caller removes it.
  const scratch = { TMPDIR: dirname(state) }
  const samples: ChildSample[] = []
  for (let round = 0; round < rounds; round++) {
    samples.push(
      await run('docferry export', [docferry, 'export', '-s', 'couchdb', '-c', database, '-o', ours, '--force', ...common], { env })
    )
    samples.push(
      await run('couchbackup', [peer('couchbackup'), ...url, '--db', database, '--mode', 'full'], { env: scratch, output: theirs })
    )
    samples.push(await run('bare reader', [bareReader, database, middle], { env }))
    await drop()
    const rename = ['--rename', `${database}=${copy}`]
    samples.push(await run('docferry import', [docferry, 'import', '-i', ours, '-t', 'couchdb', ...rename, ...common], { env }))
    await drop()
    await client.db.create(copy)
    samples.push(await run('couchrestore', [peer('couchrestore'), ...url, '--db', copy], { env: scratch, input: theirs }))
    await drop()
  }
  return samples
}

const reporter = `process.on('exit', () => { const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
  require('node:fs').writeSync(3, JSON.stringify({ cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, peakMegabytes: maxRSS / 1024 })) })`

interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  readonly output?: string
}

/** A Node program that tells on descriptor 3 what it took. */
async function run(name: string, args: readonly string[], { env, input, output }: RunOptions): Promise<ChildSample> {
  const into = output === undefined ? undefined : await open(output, 'w')
  const start = process.hrtime.bigint()
  const before = [
    '--import',
    `data:text/javascript,${encodeURIComponent(`import { createRequire } from 'node:module'; const require = createRequire('/'); ${reporter}`)}`
  ]
  const child = spawn(process.execPath, [...before, ...args], {
    env: { ...process.env, ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', into?.fd ?? 'ignore', 'ignore', 'pipe']
  })
  if (input !== undefined && child.stdin) createReadStream(input).pipe(child.stdin)
  let told = ''
  child.stdio[3]?.on('data', (chunk: Buffer) => (told += chunk.toString()))
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  await into?.close()
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  if (code !== 0) throw new Error(`${name} ended with ${code}`)
  return { name, seconds, ...(JSON.parse(told) as Omit<ChildSample, 'name' | 'seconds'>) }
}
