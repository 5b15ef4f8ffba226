/** Backup and restore of one CouchDB database, against `@cloudant/couchbackup` and a bare reader on the same server. */
import nano from 'nano'
import { simpleDocuments } from '../../spec/support/generator.ts'
import { runParallel } from '../../lib/engine/run-parallel.ts'
import { addressOf, couchbackupRounds, middleOf } from './couchdb.ts'
import type { CouchdbServer } from './bare-couchdb.ts'
import type { ChildSample } from './couchdb.ts'
import { median } from './measure.ts'
import { installed } from './peers.ts'
import { markdown } from './table.ts'

const database = 'bench_couchbackup'
const batch = 500

/** What the issue asks for, of the other's. */
const goals = { seconds: 0.85, cpuSeconds: 0.4, peakMegabytes: 0.4 } as const
type Measure = keyof typeof goals

const units: Readonly<Record<Measure, string>> = { seconds: 's', cpuSeconds: 's of CPU', peakMegabytes: 'MB' }

interface Contest {
  readonly what: string
  readonly ours: string
  readonly theirs: string
  readonly goals: Readonly<Partial<Record<Measure, number>>>
}

const contests: readonly Contest[] = [
  { what: 'backup', ours: 'docferry export', theirs: 'couchbackup', goals },
  { what: 'restore', ours: 'docferry import', theirs: 'couchrestore', goals },
  // It only reads: its CPU and memory are for the record.
  { what: 'backup', ours: 'docferry export', theirs: 'bare reader', goals: { seconds: 1.05 } }
]

interface Options {
  readonly count: number
  readonly rounds: number
  readonly peers?: string | undefined
  readonly path: (name: string) => string
}

/** @returns Markdown */
export async function couchbackupTable(server: CouchdbServer, { count, rounds, peers, path }: Options): Promise<string> {
  const { name, missing, folder } = await installed('@cloudant/couchbackup', peers)
  if (missing !== undefined) return missing
  const client = nano(addressOf(server))
  await client.db.destroy(database).catch(() => undefined)
  await client.db.create(database)
  try {
    const documents = [...simpleDocuments({ seed: 8, count, bytes: 800 })]
    const chunks = Array.from({ length: Math.ceil(count / batch) }, (_, index) => documents.slice(index * batch, (index + 1) * batch))
    await runParallel(chunks, 4, async docs => void (await client.use(database).bulk({ docs })))
    const samples = await couchbackupRounds(server, { database, middle: middleOf(documents), peers: folder, path, rounds })
    return `${tableFrom(samples, count)}\n\nAgainst ${name}, and a reader of two key ranges by lines and JSON.parse, to nowhere. Each side is a process of its own.`
  } finally {
    await client.db.destroy(database)
  }
}

function tableFrom(samples: readonly ChildSample[], count: number): string {
  const of = (name: string, field: Measure): number => median(samples.filter(sample => sample.name === name).map(sample => sample[field]))
  const rows = contests.flatMap(({ what, ours, theirs, goals: asked }) =>
    (Object.keys(units) as Measure[]).map(field => {
      const ratio = of(ours, field) / of(theirs, field)
      const goal = asked[field]
      return [
        what,
        `${count} documents of 0.8 KB`,
        theirs,
        units[field],
        ...[theirs, ours].map(name => of(name, field).toFixed(field === 'peakMegabytes' ? 0 : 2)),
        ratio.toFixed(2),
        ...(goal === undefined ? ['-', '-'] : [`<= ${goal}`, ratio <= goal ? 'yes' : 'NO'])
      ]
    })
  )
  return markdown(['what', 'input', 'against', 'measure', 'its', 'docferry', 'ratio', 'goal', 'met'], rows)
}
