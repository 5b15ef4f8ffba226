/** Whether two NDJSON files hold the same documents. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'

interface Held {
  readonly lines: number
  /** SHA-256 of the bytes. */
  readonly bytes: string
}

/** @throws {Error} where one of them does not hold so many documents, or other ones */
export async function checkSame(ours: string, theirs: string, documents: number): Promise<void> {
  const [mine, other] = [await hold(ours), await hold(theirs)]
  if (mine.bytes === other.bytes && mine.lines === documents) return
  const [here, there] = [await contentsOf(ours), await contentsOf(theirs)]
  for (const [path, held] of [
    [ours, here],
    [theirs, there]
  ] as const)
    if (held.documents !== documents) throw new Error(`${path} holds ${held.documents} documents of ${documents}`)
  if (here.sum !== there.sum) throw new Error(`${ours} and ${theirs} hold other documents`)
}

/**
 * Apart from the order of documents (elasticdump turns it round) and of fields, escapes, the spelling of numbers, and the lines of an export that are
 * no documents.
 */
async function contentsOf(path: string): Promise<{ readonly documents: number; readonly sum: bigint }> {
  let documents = 0
  let sum = 0n
  for await (const line of linesOf(path)) {
    const text = line.toString()
    if (/^\{"\$(?:docferry|collection|end)"/.test(text)) continue
    documents++
    sum += BigInt(`0x${createHash('sha256').update(sorted(text)).digest('hex')}`)
  }
  return { documents, sum }
}

async function hold(path: string): Promise<Held> {
  const hash = createHash('sha256')
  let lines = 0
  for await (const chunk of bytesOf(path)) {
    hash.update(chunk)
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) lines++
  }
  return { lines, bytes: hash.digest('hex') }
}

async function* linesOf(path: string): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of bytesOf(path)) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
    let start = 0
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
      yield bytes.subarray(start, end)
      start = end + 1
    }
    rest = bytes.subarray(start)
  }
  if (rest.length > 0) yield rest
}

function bytesOf(path: string): AsyncIterable<Buffer> {
  const file = createReadStream(path, { highWaterMark: 1 << 20 })
  return path.endsWith('.gz') ? file.pipe(createGunzip()) : file
}

function sorted(text: string): string {
  return JSON.stringify(JSON.parse(text), (_, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value
  )
}
