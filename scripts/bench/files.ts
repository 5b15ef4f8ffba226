/** Files into files: docferry's command against bare loops and other tools, each a process of its own. */
import { rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Document } from '../../lib/types.ts'
import { collectionNames, generate } from '../../spec/support/generator.ts'
import { pythonExport } from '../../spec/support/python-json.ts'
import { cities } from '../../spec/support/real-data.ts'
import { runChild } from './child.ts'
import { docferry } from './docferry.ts'
import { couchdbTexts, writeLines, writePieces, writeRepeated } from './inputs.ts'
import type { Input } from './inputs.ts'
import type { Goal, Opponent, Race, Sample } from './measure.ts'
import type { Peer, Peers } from './peers.ts'
import { checkSame } from './same.ts'

const bareScript = fileURLToPath(new URL('bare.js', import.meta.url))

export interface FilesOptions {
  /** Of the largest input; what is slow gets a part of it. */
  readonly bytes: number
  /** A file in a folder that the caller removes. */
  readonly path: (name: string) => string
  readonly peers: Peers
}

/** One way from an input to an output. */
interface Way {
  readonly name: string
  readonly run: (output: string) => Promise<Omit<Sample, 'documents'>>
  readonly goal?: Goal
  readonly missing?: string | undefined
}

/** Stages that look inside, and the job of `bare.ts` that does the same: of a stage of one's own, by the same function. */
const pipelines = {
  deep: 'stages: [set: { owner.source: bench }, rename: { owner.id: owner.key }, convert: { fields: { owner.address.zip: number } }]',
  citiesDeep: 'stages: [set: { place.source: bench }, convert: { fields: { lat: string } }]',
  own: `stages: [module: ${JSON.stringify(`${fileURLToPath(new URL('own-stage.js', import.meta.url))}#own`)}]`
} as const

export async function fileRaces(options: FilesOptions): Promise<Race[]> {
  const { bytes, path, peers } = options
  const texts = couchdbTexts(1_000)
  const large = await writeRepeated(path('large.ndjson'), texts, { bytes })
  const medium = await writeRepeated(path('medium.ndjson'), texts, { bytes: bytes / 4 })
  const small = await writeRepeated(path('small.ndjson'), texts, { bytes: bytes / 10 })
  const packed = await writeRepeated(path('packed.ndjson.gz'), texts, { bytes: bytes / 10 })
  const places = await writeLines(path('cities.ndjson'), cities())
  const many = await writeLines(path('many.ndjson'), manyCities(copies))
  const copiesOfAll = Math.max(1, Math.round((copies * bytes) / many.bytes))
  const all = await writeLines(path('all.ndjson'), manyCities(copiesOfAll))
  const list = await writeList(path('cities.json'), many)
  const gofannon = await writeGofannon(path('gofannon.json'), bytes)
  const parsable = await writeGofannon(path('parsable.json'), bytes / 10)
  const raced = (name: string, input: Input, ours: Way, others: readonly Way[]): Race => raceOf(options, name, input, ours, others)
  const inside = (name: keyof typeof pipelines, input: Input, workers = 0): Way =>
    throughPipeline(options, name, input, ['--workers', String(workers)])
  return [
    raced('NDJSON, _rev and _attachments stripped', large, migrate(options, large), [bare('strip', large, { time: 1 / 8 })]),
    raced('NDJSON, the same', small, migrate(options, small), strippers(options, small)),
    raced('NDJSON, stages that look inside, one thread', medium, inside('deep', medium), [bare('deep', medium, { time: 1.1 })]),
    raced('NDJSON, the same stages, --workers 2', large, inside('deep', large, 2), [bare('deep', large, { time: 1 / 1.8 })]),
    raced("NDJSON, a stage of one's own, one thread", medium, inside('own', medium), [bare('own', medium, { time: 1.1 })]),
    raced("NDJSON, a stage of one's own, --workers 2", large, inside('own', large, 2), [bare('own', large, { time: 1 / 1.8 })]),
    raced(`cities, ${copiesOfAll} times over, stripped`, all, migrate(options, all), [bare('strip', all, { time: 1 / 8 })]),
    raced('cities, stripped', places, migrate(options, places), strippers(options, places).slice(1)),
    raced(`cities, ${copies} times over, stages that look inside, one thread`, many, inside('citiesDeep', many), [
      bare('citiesDeep', many, { time: 1.1 })
    ]),
    raced(`cities, ${copiesOfAll} times over, the same stages, --workers 2`, all, inside('citiesDeep', all, 2), [
      bare('citiesDeep', all, { time: 1 / 1.8 })
    ]),
    raced('NDJSON.gz, stripped', packed, migrate(options, packed), [
      bare('strip', packed, { time: 1 }),
      shell(peers.jq, `gzip -dc "$1" | jq -c 'del(._rev,._attachments)' | gzip > "$2"`, packed)
    ]),
    raced('Gofannon JSON to NDJSON', gofannon, migrate(options, gofannon, ''), [streamJson(gofannon, { time: 1 / 4 })]),
    raced('Gofannon JSON, the same', parsable, migrate(options, parsable, ''), [streamJson(parsable), parseWhole(parsable)]),
    raced(`JSON array of cities, ${copies} times over, to NDJSON`, list, migrate(options, list), [
      streamJson(list, { time: 1 / 4 }),
      parseWhole(list)
    ])
  ]
}

function raceOf({ path }: FilesOptions, name: string, input: Input, ours: Way, others: readonly Way[]): Race {
  const { documents } = input
  const extension = input.path.endsWith('.gz') ? '.ndjson.gz' : '.ndjson'
  const outputs = new Map([ours, ...others].map((way, index) => [way, path(`out-${index}${extension}`)]))
  const sideOf = (way: Way): Opponent => ({
    name: way.name,
    goal: way.goal,
    missing: way.missing,
    async run() {
      const output = outputs.get(way)!
      await rm(output, { force: true })
      await rm(path('state'), { recursive: true, force: true })
      return { documents, ...(await way.run(output)) }
    }
  })
  return {
    name,
    input: `${(input.bytes / 1e6).toFixed(0)} MB, ${documents} documents`,
    documents,
    ours: sideOf(ours),
    others: others.map(sideOf),
    async check() {
      for (const other of ours.missing === undefined ? others : [])
        if (other.missing === undefined) await checkSame(outputs.get(ours)!, outputs.get(other)!, documents)
    }
  }
}

/** @param form of the output: documents alone, of one collection; or an export */
function migrate({ path }: FilesOptions, input: Input, form = '?documentsOnly=true'): Way {
  return {
    name: 'docferry',
    run: async output => await docferry(['migrate', '--source', `file:${input.path}`, '--target', `file:${output}${form}`], path('state'))
  }
}

function throughPipeline({ path }: FilesOptions, name: keyof typeof pipelines, input: Input, flags: readonly string[]): Way {
  const file = path(`${name}.yaml`)
  return {
    name: 'docferry',
    run: async output => {
      await writeFile(file, `source: "file:${input.path}"\ntarget: "file:${output}?documentsOnly=true"\n${pipelines[name]}\n`)
      return await docferry(['run', file, ...flags], path('state'))
    }
  }
}

function bare(job: string, input: Input, goal?: Goal): Way {
  return {
    name: job === 'own' ? 'bare loop, by the same function' : 'bare loop',
    goal,
    run: output => runChild(process.execPath, [bareScript, job, input.path, output])
  }
}

function streamJson(input: Input, goal?: Goal): Way {
  return { ...bare('streamJson', input, goal), name: "stream-json's packed tokens, put together" }
}

function parseWhole(input: Input): Way {
  return { ...bare('parseWhole', input), name: 'JSON.parse of the whole file' }
}

function strippers({ peers }: FilesOptions, input: Input): Way[] {
  return [
    bare('strip', input, { time: 1 / 8 }),
    shell(peers.jq, `jq -c 'del(._rev,._attachments)' "$1" > "$2"`, input),
    shell(peers.ndjsonMap, `"${peers.bin('ndjson-map')}" 'delete d._rev, delete d._attachments, d' < "$1" > "$2"`, input),
    shell(
      peers.elasticdump,
      `"${peers.bin('elasticdump')}" --input="$1" --output="$2" --type=data --limit=1000 --quiet --transform='delete doc._rev; delete doc._attachments'`,
      input
    )
  ]
}

/** @param script gets the input as `$1` and the output as `$2` */
function shell({ name, missing }: Peer, script: string, input: Input): Way {
  return { name, missing, goal: { time: 1 }, run: output => runChild('sh', ['-c', script, 'sh', input.path, output]) }
}

/** The documents are small, and all of them take less than a process needs to start: so many times over, what each one costs can be seen. */
const copies = 8

function* manyCities(copies: number): Generator<Document, void, undefined> {
  for (let copy = 0; copy < copies; copy++) for (const { _id, ...city } of cities()) yield { _id: `${_id}-${copy}`, ...city }
}

async function writeList(path: string, { documents }: Input): Promise<Input> {
  let bytes = 0
  function* pieces(): Generator<string> {
    let before = '[\n'
    for (const city of manyCities(copies)) {
      const piece = before + JSON.stringify(city)
      bytes += piece.length
      yield piece
      before = ',\n'
    }
    yield '\n]\n'
  }
  await writePieces(path, pieces())
  return { path, documents, bytes }
}

/** As Gofannon's script exports it, all of its collections. */
async function writeGofannon(path: string, bytes: number): Promise<Input> {
  const export10 = [...exportOf(10)].join('').length
  const count = Math.max(1, Math.round((10 * bytes) / export10))
  let length = 0
  function* counted(): Generator<string> {
    for (const piece of exportOf(count)) {
      length += piece.length
      yield piece
    }
  }
  await writePieces(path, counted())
  return { path, documents: count * collectionNames.length, bytes: length }
}

function exportOf(count: number): Iterable<string> {
  const collections = collectionNames.map(collection => [collection, generate({ collection, seed: 1, count })] as const)
  return pythonExport({ provider: 'couchdb', exportedAt: '2026-01-15T10:30:00.123456', collections })
}
