/** `npm run bench`: docferry against bare loops, against other tools and against what the servers can do, in turn in one run. `--help` lists its parts. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Document } from '../../lib/types.ts'
import { simpleDocuments } from '../../spec/support/generator.ts'
import type { ServerName } from '../servers/index.ts'
import { fileContests } from './contests.ts'
import { couchbackupTable } from './couchbackup.ts'
import { startDatabases } from './databases.ts'
import type { Databases } from './databases.ts'
import { fileRaces } from './files.ts'
import { load, machine, versionOf } from './machine.ts'
import { measure, raceOf } from './measure.ts'
import type { Contest, Race, Result } from './measure.ts'
import { clear, fill, pairRace, pairs } from './pairs.ts'
import { findPeers } from './peers.ts'
import { writeResults } from './results.ts'
import { scaleTables } from './scale.ts'
import { slowTargetTable } from './slow-target.ts'
import { measureStartup, startupTable } from './startup.ts'
import { serversTable, tableOf } from './table.ts'
import { throttlingContests } from './throttling.ts'
import { valuesContests } from './values.ts'

const usual = 'startup,files,parts,couchdb,couchbackup,dynamodb,firestore,pairs'

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '20000' },
    bytes: { type: 'string', default: '1000000000' },
    runs: { type: 'string', default: '5' },
    only: { type: 'string', default: usual },
    peers: { type: 'string' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false }
  }
})
const [count, bytes, runs] = [Number(values.count), Number(values.bytes), Number(values.runs)]
const documents = generated(count)
const collection = 'bench_documents'

const say = (line: string): void => void process.stderr.write(`${line}\n`)

interface Part {
  readonly title: string
  /** For `--help`, where the title does not say enough. */
  readonly about?: string
  /** @returns Markdown */
  readonly measure: (path: (name: string) => string) => Promise<string>
}

const parts: Readonly<Record<string, Part>> = {
  files: {
    title: 'Files',
    async measure(path) {
      const peers = await findPeers(values.peers)
      const table = await raced(await fileRaces({ bytes, path, peers }))
      const { jq, elasticdump, ndjsonMap } = peers
      return `${table}\n\nWith ${[jq, elasticdump, ndjsonMap].map(each => each.name).join(', ')}, stream-json ${versionOf('stream-json')}. Each side is a process of its own.`
    }
  },
  parts: {
    title: 'Files: reading and writing alone',
    measure: async path =>
      `${await raced(contests(fileContests({ documents }, path), documents))}\n\nIn one process; what is read goes nowhere.`
  },
  couchdb: onServer('couchdb', 'CouchDB'),
  couchbackup: {
    title: 'CouchDB, against couchbackup',
    measure: async path =>
      await withServers(path, ['couchdb'], ({ environment }) => {
        const server = {
          url: environment['COUCHDB_URL']!,
          user: environment['COUCHDB_USER'] ?? '',
          password: environment['COUCHDB_PASSWORD'] ?? ''
        }
        return couchbackupTable(server, { count: 5 * count, rounds: runs, peers: values.peers, path })
      })
  },
  // So many that what they cost is more than compiling. The Firestore emulator can't have as many: it keeps whatever was written.
  dynamodb: onServer('dynamodb', 'DynamoDB', () => generated(3 * count)),
  firestore: onServer('firestore', 'Firestore'),
  pairs: {
    title: 'Pairs',
    measure: async path =>
      await withServers(path, ['couchdb', 'dynamodb', 'firestore'], async databases => {
        const all = [databases.of('couchdb'), databases.of('dynamodb'), databases.of('firestore')]
        const results: Result[] = []
        for (const [from, to] of pairs) {
          const [source, target] = [from, to].map(name => all.find(database => database.name === name)!) as [Database, Database]
          await fill(source)
          results.push(await told(pairRace({ source, target, collection, documents: count, cpuOfServers: databases.cpuOfServers })))
        }
        for (const database of all) await clear(database)
        return `${tableOf(results)}\n\n${serversTable(results)}`
      })
  },
  startup: {
    title: 'Start-up',
    measure: async path =>
      await withServers(path, ['couchdb', 'dynamodb', 'firestore'], async ({ environment }) =>
        startupTable(await measureStartup({ runs, environment }))
      )
  },
  scale: {
    title: 'Scale',
    about: 'up to 250 times --count documents, 2,000 collections, large documents: minutes',
    measure: path => scaleTables({ path, runs, counts: [5 * count, 50 * count, 250 * count], say })
  },
  values: { title: 'Exact values', about: 'what they cost', measure: () => raced(contests(valuesContests(documents), documents)) },
  throttling: {
    title: 'Throttling',
    about: 'docferry against itself',
    measure: async path =>
      await withServers(path, ['couchdb', 'dynamodb', 'firestore'], async ({ environment }) => {
        const throttling = await throttlingContests(documents, environment)
        try {
          return await raced(contests(throttling.contests, documents))
        } finally {
          await throttling.close()
        }
      })
  },
  slow: {
    title: 'A slow target',
    about: 'memory, and the time that Ctrl-C takes',
    measure: async path => await withServers(path, ['couchdb'], ({ environment }) => slowTargetTable(environment, [count, 10 * count]))
  }
}

type Database = ReturnType<Databases['of']>

function generated(count: number): Document[] {
  return [...simpleDocuments({ seed: 1, count, bytes: 1000 })]
}

function contests(all: readonly Contest[], { length }: readonly Document[]): Race[] {
  return all.map(contest => raceOf(contest, `${length} documents of 1 KB`))
}

function onServer(name: ServerName, title: string, make: () => readonly Document[] = () => documents): Part {
  return {
    title,
    async measure(path) {
      const moved = make()
      const work = async (databases: Databases): Promise<string> => {
        const database = databases.of(name)
        const table = await raced(contests(database.contests, moved))
        await clear(database)
        return table
      }
      return await withServers(path, [name], work, moved)
    }
  }
}

async function withServers(
  path: (name: string) => string,
  which: readonly ServerName[],
  work: (databases: Databases) => Promise<string>,
  moved: readonly Document[] = documents
): Promise<string> {
  const databases = await startDatabases(which, moved, path)
  try {
    return `${await work(databases)}\n\nWith ${databases.versions}.`
  } finally {
    await databases.stop()
  }
}

async function raced(races: readonly Race[]): Promise<string> {
  const results: Result[] = []
  for (const race of races) results.push(await told(race))
  return tableOf(results)
}

async function told(race: Race): Promise<Result> {
  const result = await measure(race, runs)
  say(tableOf([result]).split('\n').slice(2).join('\n'))
  return result
}

function helpText(): string {
  const lineOf = ([name, { title, about }]: readonly [string, Part]): string =>
    `  ${name.padEnd(14)}${title}${about === undefined ? '' : `: ${about}`}`
  const isUsual = ([name]: readonly [string, Part]): boolean => usual.split(',').includes(name)
  const all = Object.entries(parts)
  return `npm run bench -- [--only PARTS] [--runs 5] [--count 20000] [--bytes 1000000000] [--peers FOLDER] [--write]

docferry against bare loops, against other tools and against what the servers can do, in turn in one run.

Options:
  --only PARTS  these alone, with commas between them
  --runs N      runs of each side, of which the medians are told (5)
  --count N     documents for the databases (20000)
  --bytes N     size of the files (1000000000)
  --peers DIR   where the other tools are, or are installed
  --write       put what was measured into scripts/bench/RESULTS.md, in place of the same parts

Parts:
${all.filter(isUsual).map(lineOf).join('\n')}

Parts for --only alone:
${all
  .filter(part => !isUsual(part))
  .map(lineOf)
  .join('\n')}
`
}

if (values.help) {
  process.stdout.write(helpText())
  process.exit()
}
const wanted = values.only.split(',')
const unknown = wanted.filter(name => !Object.hasOwn(parts, name))
if (unknown.length > 0) throw new Error(`--only: ${unknown.join(', ')}: one of ${Object.keys(parts).join(', ')}`)
const measured = new Map<string, string>()
for (const name of wanted) {
  const { title, measure: measurePart } = parts[name]!
  const folder = await mkdtemp(join(tmpdir(), 'docferry-bench-'))
  const before = load()
  try {
    say(`## ${title}`)
    const table = await measurePart(file => join(folder, file))
    const how = `Medians of ${runs} runs. ${await machine()}; load ${before} before, ${load()} after; ${new Date().toISOString().slice(0, 10)}.`
    measured.set(title, `${how}\n\n${table}`)
    if (values.write) say(`written to ${await writeResults(title, measured.get(title)!)}`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
for (const [title, text] of measured) console.log(`## ${title}\n\n${text}\n`)
