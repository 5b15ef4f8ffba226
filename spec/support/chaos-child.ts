/**
 * The process that kill tests kill: one migration, told by JSON in argv, whose target is slow and tells on standard output what it is doing.
 * `s` a batch is sent, `a` it is acknowledged, `c` the result is made whole, `C` it is whole.
 */
import { appendFileSync, writeFileSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Endpoint } from '../../lib/open.ts'
import { loadConnector } from '../../lib/registry.ts'
import { migrate } from '../../lib/run.ts'
import type { Connector, ProviderName, Target } from '../../lib/types.ts'

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
  /** Takes the ids of each batch that is sent, as a line of JSON. */
  readonly sentPath: string
  /** Takes the report of a run that came to its end. */
  readonly reportPath: string
}

export interface NamedEnd {
  readonly connector: ProviderName
  readonly options: object
}

const tell = (event: string): void => void writeSync(1, event)

async function slow({ connector: name, options }: NamedEnd, { delayMs, batchCount, sentPath }: ChildTask): Promise<Endpoint> {
  const real = await loadConnector(name)
  const connector: Connector = {
    ...real,
    async openTarget(given, context) {
      const target = await real.openTarget(given, context)
      const own: Partial<Target> = {
        limits: { ...target.limits, batchCount: Math.min(batchCount, target.limits.batchCount) },
        async write(collection, documents, how) {
          await sleep(delayMs)
          appendFileSync(sentPath, `${JSON.stringify(documents.map(({ id }) => `${collection}/${id}`))}\n`)
          tell('s')
          const outcomes = await target.write(collection, documents, how)
          tell('a')
          return outcomes
        },
        async commit(how) {
          tell('c')
          await target.commit(how)
          tell('C')
        }
      }
      return new Proxy(target, {
        get(object, key) {
          const value: unknown = Reflect.get(own, key) ?? Reflect.get(object, key)
          return typeof value === 'function' ? (value.bind(object) as unknown) : value
        }
      })
    }
  }
  return { connector, options }
}

const task = JSON.parse(process.argv[2] ?? '') as ChildTask
const { source, rename, stateDir, resume, checkpointMs, reportPath } = task
const report = await migrate({ source, target: await slow(task.target, task), rename, stateDir, resume, checkpointMs })
writeFileSync(reportPath, JSON.stringify(report))
process.exit(0)
