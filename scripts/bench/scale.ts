/** What grows with the number of documents, of collections, and with single large documents: docferry against itself. */
import { mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { docferry } from './docferry.ts'
import { couchdbTexts, writeLines, writePieces, writeRepeated } from './inputs.ts'
import type { Input } from './inputs.ts'
import { median } from './measure.ts'
import type { Sample } from './measure.ts'
import { markdown } from './table.ts'
import { simpleDocuments } from '../../spec/support/generator.ts'

const flatWithin = 0.1
/** The least that the generator makes. */
const documentBytes = 300
const collections = 2_000
const documentsOfEach = 100
const lumpBytes = 300_000

const stages = 'stages: [set: { owner.source: bench }, convert: { fields: { owner.address.zip: number } }]'

export interface ScaleOptions {
  readonly path: (name: string) => string
  readonly runs: number
  /** Of documents, the least first. */
  readonly counts: readonly number[]
  /** Told each row as it comes. */
  readonly say: (line: string) => void
}

/** Markdown. */
export async function scaleTables(options: ScaleOptions): Promise<string> {
  const { path, say, counts } = options
  const one = await writeLines(path('one.ndjson'), simpleDocuments({ count: 1, bytes: documentBytes }))
  const texts = couchdbTexts(documentBytes)
  const rows: string[][] = []
  for (const [name, args] of Object.entries(ways(path))) {
    const start = await measured(options, () => args(one.path))
    let first: Figures | undefined
    for (const documents of counts) {
      const input = await writeRepeated(path('scale.ndjson'), texts, { documents })
      const figures = figuresOf(await measured(options, () => args(input.path)), start, documents)
      first ??= figures
      rows.push(rowOf(name, `${documents} of ${documentBytes} bytes`, figures, first))
      say(rows.at(-1)!.join(' | '))
      await rm(input.path)
    }
  }
  const { wide, even } = await writeWide(path)
  const lumpy = await writeLumpy(path)
  const others: [string, string, Input, readonly string[]][] = [
    ['packed, one collection', `${even.documents} of 1 KB`, even, fileToFile(path, even.path)],
    [
      'packed, folder to folder',
      `${collections} collections of ${documentsOfEach}`,
      wide,
      ['migrate', '--source', `file:${wide.path}/`, '--target', `file:${path('wide-out')}/`]
    ],
    ['packed, 1% of 300 KB', `${lumpy.documents}, ${megabytesOf(lumpy)} MB`, lumpy, fileToFile(path, lumpy.path)]
  ]
  const start = await measured(options, () => Promise.resolve(fileToFile(path, one.path)))
  const second: string[][] = []
  let first: Figures | undefined
  for (const [name, what, input, args] of others) {
    const figures = figuresOf(await measured(options, () => Promise.resolve(args)), start, input.documents)
    first ??= figures
    second.push([...rowOf(name, what, figures, first).slice(0, -1), ((input.bytes / 1e6) * (1 / figures.seconds)).toFixed(0)])
    say(second.at(-1)!.join(' | '))
  }
  const head = ['what', 'documents', 's', 'documents/s', 'ratio', 'CPU us/doc', 'ratio', 'peak MB', 'ratio']
  return [
    `Files to files, by docferry's command; seconds and CPU without those of a run of one document. Ratios to the first row of each kind; flat is within ${flatWithin * 100}%.`,
    markdown([...head, 'flat'], rows),
    markdown([...head, 'MB/s'], second)
  ].join('\n\n')
}

interface Figures {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly megabytes: number
  readonly documents: number
}

type Arguments = (input: string) => Promise<readonly string[]>

function ways(path: ScaleOptions['path']): Readonly<Record<string, Arguments>> {
  return {
    packed: input => Promise.resolve(fileToFile(path, input)),
    'stages that look inside, one thread': async input => {
      const file = path('scale.yaml')
      await writeFile(file, `source: "file:${input}"\ntarget: "file:${path('scale-out.ndjson')}"\n${stages}\n`)
      return ['run', file, '--workers', '0']
    }
  }
}

function fileToFile(path: ScaleOptions['path'], input: string): readonly string[] {
  return ['migrate', '--source', `file:${input}`, '--target', `file:${path('scale-out.ndjson')}`]
}

/** The medians of some runs; the output of the last one is removed. */
async function measured({ path, runs }: ScaleOptions, args: () => Promise<readonly string[]>): Promise<Omit<Sample, 'documents'>> {
  const samples: Omit<Sample, 'documents'>[] = []
  const clear = async (): Promise<void> => {
    for (const name of ['state', 'scale-out.ndjson', 'wide-out']) await rm(path(name), { recursive: true, force: true })
  }
  for (let run = 0; run < runs; run++) {
    await clear()
    samples.push(await docferry(await args(), path('state')))
  }
  await clear()
  const of = (value: (sample: Omit<Sample, 'documents'>) => number): number => median(samples.map(value))
  return { seconds: of(each => each.seconds), cpuSeconds: of(each => each.cpuSeconds), megabytes: of(each => each.megabytes ?? NaN) }
}

function figuresOf(whole: Omit<Sample, 'documents'>, start: Omit<Sample, 'documents'>, documents: number): Figures {
  return {
    seconds: whole.seconds - start.seconds,
    cpuSeconds: whole.cpuSeconds - start.cpuSeconds,
    megabytes: whole.megabytes ?? NaN,
    documents
  }
}

function rowOf(name: string, what: string, figures: Figures, first: Figures): string[] {
  const rate = ({ documents, seconds }: Figures): number => documents / seconds
  const cpu = ({ documents, cpuSeconds }: Figures): number => (cpuSeconds * 1e6) / documents
  const ratios = [rate(figures) / rate(first), cpu(figures) / cpu(first), figures.megabytes / first.megabytes]
  const [rateRatio, cpuRatio, memoryRatio] = ratios.map(ratio => ratio.toFixed(2)) as [string, string, string]
  const isFlat = ratios[0]! >= 1 - flatWithin && ratios[2]! <= 1 + flatWithin
  return [
    name,
    what,
    figures.seconds.toFixed(2),
    rate(figures).toFixed(0),
    rateRatio,
    cpu(figures).toFixed(1),
    cpuRatio,
    figures.megabytes.toFixed(0),
    memoryRatio,
    isFlat ? 'yes' : 'NO'
  ]
}

async function writeWide(path: ScaleOptions['path']): Promise<{ readonly wide: Input; readonly even: Input }> {
  const folder = path('wide')
  await mkdir(folder)
  const texts = couchdbTexts(1_000)
  let bytes = 0
  for (let number = 0; number < collections; number++) {
    const name = join(folder, `collection-${String(number).padStart(4, '0')}.ndjson`)
    bytes += (await writeRepeated(name, texts, { documents: documentsOfEach })).bytes
  }
  const even = await writeRepeated(path('even.ndjson'), texts, { documents: collections * documentsOfEach })
  return { wide: { path: folder, documents: collections * documentsOfEach, bytes }, even }
}

/** 1% of the documents are of 300 KB, the others of 1 KB. */
async function writeLumpy(path: ScaleOptions['path']): Promise<Input> {
  const file = path('lumpy.ndjson')
  const texts = couchdbTexts(1_000)
  const lump = 'x'.repeat(lumpBytes)
  const documents = 50_000
  function* pieces(): Generator<string> {
    for (let number = 0; number < documents; number++) {
      const rest = texts[number % texts.length]!.slice(texts[0]!.indexOf(',') + 1)
      yield `{"_id":"doc-${String(number).padStart(9, '0')}",${number % 100 === 0 ? `"lump":"${lump}",` : ''}${rest}\n`
    }
  }
  await writePieces(file, pieces())
  return { path: file, documents, bytes: (await stat(file)).size }
}

function megabytesOf({ bytes }: Input): string {
  return (bytes / 1e6).toFixed(0)
}
