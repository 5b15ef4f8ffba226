/**
 * Writes generated documents to standard output, any number of them in constant memory.
 *
 *   node dist/scripts/generate.js --count 1000000 --kb 1 > documents.ndjson
 *   node dist/scripts/generate.js --count 12 --all --format json --kb 0.4 --seed 7 > spec/fixtures/gofannon-export.json
 */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import { sectionedText } from '../lib/formats/export-text.ts'
import { DigestSum, stringifyJson, type Document } from '../lib/values/index.ts'
import { collectionNames, generate, simpleDocuments, type CollectionName } from '../spec/support/generator.ts'
import { pythonExport } from '../spec/support/python-json.ts'

const usage = `Usage: generate --count N [--collection NAME | --all] [--format ndjson|json] [--seed 1] [--kb 1]

  --count N          documents (with --all: of each collection)
  --collection NAME  one of Gofannon's: ${collectionNames.join(', ')}; without it, plain nested documents
  --all              all of Gofannon's collections
  --format           ndjson (default), or json: the export that Gofannon's own script writes
  --seed             the same seed gives the same documents (default 1)
  --kb               size: of each plain document in KB; for Gofannon's collections the scale of code, chats and lists (default 1)
`

interface Settings {
  readonly names: readonly CollectionName[]
  readonly count: number
  readonly seed: number
  readonly kb: number
}

/** Enough for a write to cost nothing beside what it writes. */
const chunkLength = 64 * 1024

const exportedAt = '2026-01-15T10:30:00.123456'

function* ndjson(settings: Settings): Generator<string> {
  const { names } = settings
  if (names.length < 2) {
    for (const document of documents(settings, names[0])) yield `${stringifyJson(document)}\n`
    return
  }
  yield sectionedText.start({ provider: 'memory', exported_at: exportedAt, collections: names })
  const sums = new Map<string, DigestSum>()
  for (const name of names) {
    const sum = new DigestSum()
    sums.set(name, sum)
    yield sectionedText.openCollection(name, sums.size === 1)
    for (const document of documents(settings, name)) {
      sum.add(document)
      yield `${stringifyJson(document)}\n`
    }
  }
  const stated = [...sums].map(([name, sum]) => ({ name, count: sum.count, digest: () => sum.hex() }))
  yield* sectionedText.end(stated, false)
}

function exportOf(settings: Settings): Iterable<string> {
  const names: readonly (CollectionName | undefined)[] = settings.names.length > 0 ? settings.names : [undefined]
  const collections = names.map(name => [name ?? 'documents', documents(settings, name)] as const)
  return pythonExport({ provider: 'couchdb', exportedAt, collections })
}

function documents({ count, seed, kb }: Settings, name: CollectionName | undefined): Iterable<Document> {
  return name === undefined ? simpleDocuments({ seed, count, bytes: kb * 1000 }) : generate({ collection: name, seed, count, scale: kb })
}

function* inChunks(pieces: Iterable<string>): Generator<string> {
  let chunk = ''
  for (const piece of pieces) {
    chunk += piece
    if (chunk.length < chunkLength) continue
    yield chunk
    chunk = ''
  }
  if (chunk !== '') yield chunk
}

function readArguments(args: string[]): { settings: Settings; format: string } | undefined {
  const { values } = parseArgs({
    args,
    options: {
      count: { type: 'string' },
      collection: { type: 'string' },
      all: { type: 'boolean', default: false },
      format: { type: 'string', default: 'ndjson' },
      seed: { type: 'string', default: '1' },
      kb: { type: 'string', default: '1' },
      help: { type: 'boolean', short: 'h', default: false }
    }
  })
  if (values.help) return undefined
  const chosen = collectionNames.find(name => name === values.collection)
  if (values.collection !== undefined && chosen === undefined) throw new Error(`--collection: one of ${collectionNames.join(', ')}`)
  if (chosen !== undefined && values.all) throw new Error('--collection and --all: one of them')
  if (values.format !== 'ndjson' && values.format !== 'json') throw new Error('--format: ndjson or json')
  const names = values.all ? collectionNames : chosen === undefined ? [] : [chosen]
  return {
    settings: {
      names,
      count: wholeNumber('--count', values.count),
      seed: wholeNumber('--seed', values.seed),
      kb: positive('--kb', values.kb)
    },
    format: values.format
  }
}

function wholeNumber(name: string, text: string | undefined): number {
  if (text === undefined || !/^\d{1,15}$/.test(text)) throw new Error(`${name}: a whole number`)
  return Number(text)
}

function positive(name: string, text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 100_000)) throw new Error(`${name}: a number above 0`)
  return value
}

async function main(args: string[]): Promise<void> {
  const read = readArguments(args)
  if (read === undefined) {
    process.stdout.write(usage)
    return
  }
  const pieces = read.format === 'json' ? exportOf(read.settings) : ndjson(read.settings)
  await pipeline(Readable.from(inChunks(pieces), { highWaterMark: 4 }), process.stdout)
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  // Whoever reads has had enough (`| head`).
  if ((error as NodeJS.ErrnoException).code !== 'EPIPE') {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
    process.exitCode = 2
  }
}
