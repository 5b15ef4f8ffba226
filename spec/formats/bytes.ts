/** Byte streams, pages and documents for the specs of formats and files. */
import fc from 'fast-check'
import type { Page } from '../../lib/types.ts'
import { canonicalBytes, Decimal, Double, GeoPoint, Reference, setField, Timestamp, ValueSet, Vector } from '../../lib/values/index.ts'
import type { Document, Value } from '../../lib/values/index.ts'

/** Bytes in pieces of a given size, each in a tick of its own. */
export async function* inChunks(bytes: Buffer | string, size = 64 << 10): AsyncGenerator<Buffer> {
  const buffer = Buffer.from(bytes)
  for (let at = 0; at < buffer.length; at += size) {
    await Promise.resolve()
    yield buffer.subarray(at, at + size)
  }
}

/** Bytes, and then an error. */
export async function* failing(bytes: Buffer | string, error: Error): AsyncGenerator<Buffer> {
  yield* inChunks(bytes)
  throw error
}

export async function gather(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts)
}

/** All pages, and what reading ended with. */
export async function readAll(pages: AsyncIterable<Page>): Promise<{ readonly pages: Page[]; readonly error?: unknown }> {
  const all: Page[] = []
  try {
    for await (const page of pages) all.push(page)
  } catch (error) {
    return { pages: all, error }
  }
  return { pages: all }
}

export function documentsOf(pages: readonly Page[]): Document[] {
  return pages.flatMap(page => page.documents)
}

export function idsOf(pages: readonly Page[]): string[] {
  return documentsOf(pages).map(document => document._id)
}

/** `collection/id`, in order, for what pages hold. */
export function pathsOf(pages: readonly Page[]): string[] {
  return pages.flatMap(page => page.documents.map(document => `${page.collection}/${document._id}`))
}

/** Equal for equal documents, whatever their class instances are. */
export function fingerprint(documents: readonly Document[]): string[] {
  return documents.map(document => Buffer.from(canonicalBytes(document)).toString('hex'))
}

const scalar: fc.Arbitrary<Value> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('\n', '\r', '"', '\\', '\u2028', '\ufeff', '\u0000', '{', '😀', 'é') }),
  fc.double(),
  fc.maxSafeInteger(),
  fc.bigInt({ min: 2n ** 53n, max: 2n ** 200n }),
  fc.maxSafeInteger().map(value => new Double(value)),
  fc.constantFrom('0.1234567890123456789012345', '1E-400', '-12345678901234567890.5').map(digits => new Decimal(digits)),
  fc.uint8Array({ maxLength: 20 }).map(bytes => new Uint8Array(bytes)),
  fc
    .tuple(fc.integer({ min: -(10 ** 9), max: 10 ** 9 }), fc.integer({ min: 0, max: 999_999_999 }))
    .map(([seconds, nanos]) => new Timestamp(seconds, nanos)),
  fc.constant(new GeoPoint(1.5, -2)),
  fc.string({ minLength: 1 }).map(path => new Reference(path)),
  fc.array(fc.double({ noNaN: true }), { maxLength: 4 }).map(values => new Vector(values)),
  fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 3 }).map(members => new ValueSet(members))
)

const key = fc.oneof(
  fc.string(),
  fc.constantFrom('__proto__', 'constructor', '$date', '$literal', '$numberLong', '_id', '0', '$collection')
)

const { value } = fc.letrec<{ value: Value }>(tie => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    scalar,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 4 }).map(mapOf)
  )
}))

/** Documents of all kinds of values. */
export const anyDocument: fc.Arbitrary<Document> = fc
  .tuple(fc.string({ unit: 'binary' }), fc.array(fc.tuple(key, value), { maxLength: 5 }))
  .map(([_id, fields]) => ({ ...mapOf(fields.filter(([name]) => name !== '_id')), _id }))

function mapOf(fields: readonly (readonly [string, Value])[]): { [key: string]: Value } {
  const map: { [key: string]: Value } = {}
  for (const [name, field] of fields) setField(map, name, field)
  return map
}
