/** Each reader and each writer against a bare loop of the vendor's client with its best settings. */
import { createReadStream, createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { once } from 'node:events'
import type { Endpoint } from '../../lib/open.ts'
import type { Document } from '../../lib/types.ts'
import { arraySource, move, nullTarget } from './ends.ts'
import type { Contest } from './measure.ts'

const collection = 'bench_documents'

interface Place {
  readonly end: Endpoint
  readonly documents: readonly Document[]
}

const chunks = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size))

export function fileContests({ documents }: Pick<Place, 'documents'>, path: (name: string) => string): Contest[] {
  const input = path('in.ndjson')
  const output = path('out.ndjson')
  const end = (name: string): Endpoint => ({ connector: 'file', options: { path: name, force: true, collection } })
  return [
    {
      name: 'NDJSON write',
      bareName: 'JSON.stringify into a write stream',
      documents: documents.length,
      prepare: () => rm(input, { force: true }),
      bare: async () => {
        const out = createWriteStream(input)
        for (const batch of chunks(documents, 500))
          if (!out.write(`${batch.map(document => JSON.stringify(document)).join('\n')}\n`)) await once(out, 'drain')
        out.end()
        await once(out, 'close')
        return documents.length
      },
      ours: () => move(arraySource(collection, documents), end(input), collection)
    },
    {
      name: 'NDJSON read',
      bareName: 'Buffers cut at newlines, JSON.parse',
      documents: documents.length,
      bare: async () => await eachLine(input, () => undefined),
      ours: () => move(end(input), nullTarget(), collection)
    },
    {
      name: 'NDJSON -> NDJSON, _rev stripped',
      bareName: 'the same, JSON.stringify to a file',
      documents: documents.length,
      prepare: () => rm(output, { force: true }),
      bare: async () => {
        const out = createWriteStream(output)
        let lines: string[] = []
        const count = await eachLine(input, document => {
          delete document['_rev']
          lines.push(JSON.stringify(document))
          if (lines.length < 500) return undefined
          const text = `${lines.join('\n')}\n`
          lines = []
          return out.write(text) ? undefined : once(out, 'drain')
        })
        out.end(`${lines.join('\n')}\n`)
        await once(out, 'close')
        return count
      },
      ours: () => move(end(input), end(output), collection)
    }
  ]
}

/** The plain way's limit: no lossless numbers, no checks. Header and trailer lines are no documents. */
async function eachLine(path: string, use: (document: Record<string, unknown>) => Promise<unknown> | undefined): Promise<number> {
  let count = 0
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
    let start = 0
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
      const document = JSON.parse(bytes.toString('utf8', start, end)) as Record<string, unknown>
      start = end + 1
      if (!('_id' in document)) continue
      count++
      const wait = use(document)
      if (wait) await wait
    }
    rest = bytes.subarray(start)
  }
  return count
}
