/** Backup and restore of one CouchDB database, against `@cloudant/couchbackup` on the same server. */
import nano from 'nano'
import { simpleDocuments } from '../../spec/support/generator.ts'
import { runParallel } from '../../lib/engine/run-parallel.ts'
import { addressOf, couchbackupRounds } from './couchdb.ts'
import type { ChildSample, CouchdbServer } from './couchdb.ts'
import { median } from './measure.ts'
import { installed } from './peers.ts'
import { markdown } from './table.ts'

const database = 'bench_couchbackup'
const batch = 500

/** What the issue asks for, of couchbackup's. */
const goals = { seconds: 0.85, cpuSeconds: 0.4, peakMegabytes: 0.4 } as const

const contests = [
  ['backup', 'docferry export', 'couchbackup'],
  ['restore', 'docferry import', 'couchrestore']
] as const

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
    const samples = await couchbackupRounds(server, { database, peers: folder, path, rounds })
    return `${tableFrom(samples, count)}\n\nAgainst ${name}. Each side is a process of its own.`
  } finally {
    await client.db.destroy(database)
  }
}

function tableFrom(samples: readonly ChildSample[], count: number): string {
  const head = ['what', 'input', 'measure', 'couchbackup', 'docferry', 'ratio', 'goal', 'met']
  const of = (name: string, field: keyof typeof goals): number =>
    median(samples.filter(sample => sample.name === name).map(sample => sample[field]))
  const rows = contests.flatMap(([what, ours, theirs]) =>
    (Object.keys(goals) as (keyof typeof goals)[]).map(field => {
      const ratio = of(ours, field) / of(theirs, field)
      const unit = { seconds: 's', cpuSeconds: 's of CPU', peakMegabytes: 'MB' }[field]
      const figures = [theirs, ours].map(name => of(name, field).toFixed(field === 'peakMegabytes' ? 0 : 2))
      return [
        what,
        `${count} documents of 0.8 KB`,
        unit,
        ...figures,
        ratio.toFixed(2),
        `<= ${goals[field]}`,
        ratio <= goals[field] ? 'yes' : 'NO'
      ]
    })
  )
  return markdown(head, rows)
}
