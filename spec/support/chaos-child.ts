/**
 * The process that kill tests kill: one migration, told by JSON in argv, whose target is slow and tells on standard output what it is doing.
 * `s` a batch is sent, `a` it is acknowledged, `c` the result is made whole, `C` it is whole.
 */
import { appendFileSync, writeFileSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Endpoint } from '../../lib/open.ts'
import { loadConnector } from '../../lib/registry.ts'
import { migrate } from '../../lib/run.ts'
import type { Packed } from '../../lib/packed.ts'
import type { Connector, Document, ProviderName, Target } from '../../lib/types.ts'
import { spoilWhatIsFree } from '../../lib/values/free-memory.ts'

export interface ChildTask {
  readonly source: NamedEnd
  readonly target: NamedEnd
  readonly rename: Readonly<Record<string, string>>
  readonly stateDir: string
  readonly resume?: string | undefined
  readonly checkpointMs: number
  /** Before each batch is sent. */
  readonly delayMs: number
  /** Documents in a batch; a database's own batches would hold all there are. */
  readonly batchCount: number
  /** Takes what the process does: a `ChildEvent` as a line of JSON each. */
  readonly eventsPath: string
  /** Takes the report of a run that came to its end. */
  readonly reportPath: string
}

/** What a kill test goes by when it counts what is done twice. Ids stand behind the target's name of their collection. */
export type ChildEvent =
  | { readonly type: 'page'; readonly partition: string; readonly ids: readonly string[] }
  /** Before the batch is with the target. */
  | { readonly type: 'sent'; readonly ids: readonly string[] }
  /** The output is brought to rest for a checkpoint; the one before is on disk. */
  | { readonly type: 'suspended' }
  | { readonly type: 'limits'; readonly batchCount: number; readonly inFlight: number }

export interface NamedEnd {
  readonly connector: ProviderName
  readonly options: object
}

spoilWhatIsFree()

const tell = (event: string): void => void writeSync(1, event)

function record(eventsPath: string, event: ChildEvent): void {
  appendFileSync(eventsPath, `${JSON.stringify(event)}\n`)
}

/** The object with some members in place of its own. */
function instead<T extends object>(object: T, own: Partial<T>): T {
  return new Proxy(object, {
    get(_, key) {
      const value: unknown = Reflect.get(own, key) ?? Reflect.get(object, key)
      return typeof value === 'function' ? (value.bind(object) as unknown) : value
    }
  })
}

async function watched({ connector: name, options }: NamedEnd, { eventsPath, rename }: ChildTask): Promise<Endpoint> {
  const real = await loadConnector(name)
  const connector: Connector = {
    ...real,
    async openSource(given, context) {
      const source = await real.openSource(given, context)
      return instead(source, {
        async *read(partition, how) {
          for await (const page of source.read(partition, how)) {
            const packed = (page.packed ?? []).flatMap(({ text, lines }) => lines?.ids ?? idsOf(text))
            const all = [...packed, ...page.documents.map(({ _id }) => _id)]
            const ids = all.map(id => `${rename[page.collection] ?? page.collection}/${id}`)
            record(eventsPath, { type: 'page', partition: partition.id, ids })
            yield page
          }
        }
      })
    }
  }
  return { connector, options }
}

function idsOf(lines: Buffer): string[] {
  return lines
    .toString()
    .split('\n')
    .slice(0, -1)
    .map(line => (JSON.parse(line) as Document)._id)
}

async function slow({ connector: name, options }: NamedEnd, task: ChildTask): Promise<Endpoint> {
  const { delayMs, eventsPath } = task
  const real = await loadConnector(name)
  const connector: Connector = {
    ...real,
    async openTarget(given, context) {
      const target = await real.openTarget(given, context)
      const limits = { ...target.limits, batchCount: Math.min(task.batchCount, target.limits.batchCount) }
      const { batchCount, inFlight } = limits
      record(eventsPath, { type: 'limits', batchCount, inFlight })
      const own: Partial<Target> = {
        limits,
        async write(collection, documents, how) {
          await sleep(delayMs)
          record(eventsPath, { type: 'sent', ids: documents.map(({ id }) => `${collection}/${id}`) })
          tell('s')
          const outcomes = await target.write(collection, documents, how)
          tell('a')
          return outcomes
        },
        ...(target.writePacked && {
          async writePacked(collection: string, packed: Packed, how: Parameters<NonNullable<Target['writePacked']>>[2]) {
            await sleep(delayMs)
            const lines = packed.text.toString().trimEnd().split('\n')
            record(eventsPath, { type: 'sent', ids: lines.map(line => `${collection}/${(JSON.parse(line) as Document)._id}`) })
            tell('s')
            await target.writePacked!(collection, packed, how)
            tell('a')
          }
        }),
        async commit(how) {
          tell('c')
          await target.commit(how)
          tell('C')
        },
        ...(target.suspend && {
          async suspend() {
            record(eventsPath, { type: 'suspended' })
            return await target.suspend!()
          }
        })
      }
      return instead(target, own)
    }
  }
  return { connector, options }
}

const task = JSON.parse(process.argv[2] ?? '') as ChildTask
const { source, rename, stateDir, resume, checkpointMs, reportPath } = task
const report = await migrate({
  source: await watched(source, task),
  target: await slow(task.target, task),
  rename,
  stateDir,
  resume,
  checkpointMs
})
writeFileSync(reportPath, JSON.stringify(report))
process.exit(0)
