/** Looks documents up by id. */
import { withRetry } from '../../engine/retry.ts'
import type { EncodeRules, Held } from '../../types.ts'
import type { Document } from '../../values/index.ts'
import type { FirestoreConnection } from './client.ts'
import { DocumentDecoder } from './decoder.ts'
import { decodeError } from './errors.ts'
import type { CallContext } from './errors.ts'
import { storedId } from './names.ts'
import { documentField } from './values.ts'
import { WireReader } from './wire.ts'

export interface LookupOptions {
  readonly collection: string
  readonly rules: EncodeRules
  /** Whether the documents are of a source. Default false. */
  readonly ofSource?: boolean
  readonly signal?: AbortSignal
}

/** What tells one state of a document from another. */
export interface Version {
  /** The document's full name. */
  readonly name: string
  /** When it was last written, to the nanosecond: a `Timestamp` message as it came. */
  readonly updateTime: Uint8Array
}

/** See `Target.get`. */
export async function getDocuments(
  connection: FirestoreConnection,
  ids: readonly string[],
  options: LookupOptions & { readonly idsOnly?: boolean }
): Promise<readonly Document[]> {
  const found = await lookUp(connection, ids, options)
  return found.map(({ document }) => document)
}

/** See `Target.look`. */
export async function look(
  connection: FirestoreConnection,
  ids: readonly string[],
  options: LookupOptions
): Promise<readonly Held<Version>[]> {
  const found = await lookUp(connection, ids, options)
  try {
    return found.map(({ name, document, answer }) => ({ document, version: { name, updateTime: readUpdateTime(answer) } }))
  } catch (error) {
    throw decodeError(error, contextOf(connection, options)) ?? error
  }
}

function contextOf(connection: FirestoreConnection, { collection, ofSource = false }: LookupOptions): CallContext {
  return connection.context(ofSource ? 'read' : 'look up documents of', collection)
}

interface Found {
  readonly name: string
  readonly document: Document
  readonly answer: Buffer
}

async function lookUp(
  connection: FirestoreConnection,
  ids: readonly string[],
  { idsOnly = false, ...options }: LookupOptions & { readonly idsOnly?: boolean }
): Promise<Found[]> {
  const { collection, rules, signal } = options
  const { database, root } = connection
  const asked = new Map<string, string>()
  for (const id of ids) {
    const stored = storedId(id, rules)
    if (typeof stored === 'string') asked.set(stored, id)
  }
  if (asked.size === 0) return []
  const nameOf = (stored: string): string => `${root}/${collection}/${stored}`
  const request = { database, documents: [...asked.keys()].map(nameOf), ...(idsOnly && { mask: { fieldPaths: ['__name__'] } }) }
  const context = contextOf(connection, options)
  const answers = await withRetry(() => connection.collect('BatchGetDocuments', request, context, { signal }), { signal })
  const decoder = new DocumentDecoder(root, collection)
  try {
    return answers.flatMap(answer => {
      const document = decoder.decodeAnswer(answer)
      if (document === undefined) return []
      const stored = decoder.storedId(document)
      document._id = asked.get(stored) ?? document._id
      return [{ name: nameOf(stored), document, answer }]
    })
  } catch (error) {
    throw decodeError(error, context) ?? error
  }
}

/** Of the document in an answer's field 1. @throws {RangeError} where there is none */
function readUpdateTime(answer: Buffer): Uint8Array {
  const reader = new WireReader(answer)
  while (reader.position < answer.length) {
    const tag = reader.readVarint()
    if (tag === 1 * 8 + 2) {
      const end = reader.readEnd()
      while (reader.position < end) {
        const field = reader.readVarint()
        if (field === documentField.updateTime * 8 + 2) return reader.readBytes()
        reader.skip(field)
      }
    } else reader.skip(tag)
  }
  throw new RangeError('a document without the time of its last change')
}
