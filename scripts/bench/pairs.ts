/** From one database to another: against the ceiling of the slower side, the vendors' clients, and reading all and saving one by one. */
import type { Endpoint } from '../../lib/open.ts'
import { createReadStream } from '../../lib/streams.ts'
import type { Document } from '../../lib/types.ts'
import { DigestSum } from '../../lib/values/index.ts'
import { move } from './ends.ts'
import { inThisProcess } from './measure.ts'
import type { Contest, Opponent, Race, Sample } from './measure.ts'
import { pipe } from './plain-clients.ts'
import type { PlainClient } from './plain-clients.ts'

/** Saving one by one takes minutes for what the others do in seconds. */
const savedOneByOne = 500

/** A database, with the bare loops that its readers and writers are compared with. */
export interface Database {
  readonly name: 'CouchDB' | 'DynamoDB' | 'Firestore'
  readonly end: Endpoint
  /** Of this database: one whose name ends in `write`, and one in `read`. */
  readonly contests: readonly Contest[]
  readonly plain: PlainClient
}

export interface PairOptions {
  readonly source: Database
  readonly target: Database
  readonly collection: string
  readonly documents: number
  /** Seconds that the servers have taken so far. */
  readonly cpuOfServers: () => number
}

export const pairs = [
  ['CouchDB', 'DynamoDB'],
  ['DynamoDB', 'Firestore'],
  ['Firestore', 'CouchDB']
] as const

/**
 * The ceilings are those of each server alone, with all of the machine: together they may need more of it than there is. So servers' CPU is told, and
 * what the vendors' own clients do.
 *
 * @param collection that the contests fill; in the source it must be full, in the target it is emptied before each run
 */
export function pairRace({ source, target, collection, documents, cpuOfServers }: PairOptions): Race {
  const measured = async (work: () => Promise<number>): Promise<Sample> => {
    const before = cpuOfServers()
    const sample = await inThisProcess(work)
    return { ...sample, serverCpuSeconds: cpuOfServers() - before }
  }
  const read = sideOf(source, 'read')
  const write = sideOf(target, 'write')
  const ceiling: Opponent = {
    name: `the slower one of: ${read.bareName}; ${write.bareName}`,
    goal: { time: 1 / 0.9 },
    async run() {
      const reading = await measured(read.bare)
      const writing = await measured(write.bare)
      return {
        documents: Math.min(reading.documents, writing.documents),
        seconds: Math.max(reading.seconds, writing.seconds),
        cpuSeconds: reading.cpuSeconds + writing.cpuSeconds,
        serverCpuSeconds: reading.serverCpuSeconds! + writing.serverCpuSeconds!
      }
    }
  }
  const clients: Opponent = {
    name: "the vendors' clients, the same reader into the same writer",
    goal: { time: 1 },
    run: () => measured(() => pipe(source.plain, target.plain, collection))
  }
  const oneByOne: Opponent = {
    name: 'all listed, saved one by one',
    documents: Math.min(documents, savedOneByOne),
    run: (): Promise<Sample> =>
      measured(async () => {
        const found = await source.plain.list(collection, savedOneByOne)
        await target.plain.make?.(collection)
        for (const document of found) await target.plain.save(collection, document)
        return found.length
      })
  }
  return {
    name: `${source.name} -> ${target.name}`,
    input: `${documents} documents`,
    documents,
    warmsUp: true,
    prepare: write.prepare,
    ours: { name: 'docferry', run: () => measured(() => move(source.end, target.end, collection)) },
    others: [ceiling, clients, oneByOne],
    async check() {
      if ((await digestOf(target.end, collection)) !== (await digestOf(source.end, collection)))
        throw new Error(`${source.name} -> ${target.name}: the target does not hold what the source holds`)
    }
  }
}

async function digestOf(end: Endpoint, collection: string): Promise<string> {
  const sum = new DigestSum()
  for await (const document of createReadStream(end, collection)) {
    const { _rev, ...rest } = document as Document
    sum.add(rest)
  }
  return `${sum.count} ${sum.hex()}`
}

/** The documents in the source, as its own contest writes them. */
export async function fill(database: Database): Promise<void> {
  const { prepare, bare } = sideOf(database, 'write')
  await prepare?.()
  await bare()
}

/** Leave nothing. */
export async function clear(database: Database): Promise<void> {
  await sideOf(database, 'write').prepare?.()
}

function sideOf({ name, contests }: Database, side: 'read' | 'write'): Contest {
  const contest = contests.find(each => each.name.toLowerCase().endsWith(` ${side}`))
  if (!contest) throw new Error(`${name}: no contest whose name ends in "${side}"`)
  return contest
}
