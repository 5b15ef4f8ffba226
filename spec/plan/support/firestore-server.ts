/**
 * Firestore by Commit, with protobuf values of our own making: the vendor's high-level client checks by itself. Docferry lends the channel
 * and the vendor's own serialiser, no more.
 */
import { isDeepStrictEqual } from 'node:util'
import { connect } from '../../../lib/connectors/firestore/client.ts'
import type { GrpcError } from '../../../lib/connectors/firestore/errors.ts'
import { DocferryError } from '../../../lib/errors.ts'
import { silentLogger } from '../../../lib/open.ts'
import type { Document, Value } from '../../../lib/types.ts'
import { Double, GeoPoint, isMap, Reference, Timestamp, Vector } from '../../../lib/values/index.ts'
import { isolatedProject, servers } from '../../support/servers.ts'
import type { ServerWord } from './boundary.ts'
import type { RawServer } from './ends.ts'
import { firestoreCollection } from './firestore-boundaries.ts'

/** `google.firestore.v1.Value` as protobufjs takes it, and as it gives it: with every number of 64 bits as text. */
type Message = { readonly [field: string]: unknown }

const invalidArgument = 3
/** Of a message that is no protobuf, such as text in no valid UTF-8. */
const unreadable = 'Application error processing RPC'

export async function firestoreServer(): Promise<RawServer> {
  const { host } = await servers.firestore()
  const options = { project: isolatedProject(), emulator: host }
  const connection = await connect(options, { logger: silentLogger })
  const { database, root } = connection

  async function putIn(collection: string, document: Document): Promise<ServerWord> {
    const name = `${root}/${collection}/${document._id}`
    const fields = toFields(document, root)
    const context = connection.context('write', collection)
    try {
      await connection.call('Commit', { database, writes: [{ update: { name, fields } }] }, context)
    } catch (error) {
      const { code, details } = causeOf(error)
      if (code === invalidArgument || details === unreadable) return 'refused'
      throw error
    }
    const request = { database, documents: [name] }
    const [answer] = await connection.collectObjects<{ found?: { fields: Message } }>('BatchGetDocuments', request, context)
    return isDeepStrictEqual(comparableFields(answer?.found?.fields ?? {}), comparableFields(fields)) ? 'taken' : 'changed'
  }

  return {
    endpoint: { connector: 'firestore', options },
    collection: firestoreCollection,
    isEmulator: true,
    put: document => putIn(firestoreCollection, document),
    make: collection => putIn(collection, { _id: 'walk' }),
    close: () => connection.close()
  }
}

function causeOf(error: unknown): Partial<GrpcError> {
  return error instanceof DocferryError ? ((error.cause as Partial<GrpcError> | undefined) ?? {}) : {}
}

function toFields(map: { readonly [name: string]: Value }, root: string): Message {
  return Object.fromEntries(Object.entries(map).map(([name, value]) => [name, toMessage(value, root)]))
}

function toMessage(value: Value, root: string): Message {
  if (value === null) return { nullValue: 'NULL_VALUE' }
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { booleanValue: value }
  if (typeof value === 'bigint') return { integerValue: String(value) }
  if (typeof value === 'number') return Number.isSafeInteger(value) ? { integerValue: String(value) } : { doubleValue: value }
  if (value instanceof Double) return { doubleValue: value.value }
  if (value instanceof Uint8Array) return { bytesValue: value }
  if (value instanceof Timestamp) return { timestampValue: { seconds: String(value.seconds), nanos: value.nanoseconds } }
  if (value instanceof GeoPoint) return { geoPointValue: { latitude: value.latitude, longitude: value.longitude } }
  if (value instanceof Reference) return { referenceValue: `${root}/${value.path}` }
  if (value instanceof Vector) return toVector(value)
  if (Array.isArray(value)) return { arrayValue: { values: value.map(element => toMessage(element, root)) } }
  if (isMap(value)) return { mapValue: { fields: toFields(value, root) } }
  throw new Error('Firestore has no type for this value')
}

/** https://cloud.google.com/firestore/docs/vector-search: a map with a reserved name. */
function toVector({ values }: Vector): Message {
  const elements = { arrayValue: { values: values.map(doubleValue => ({ doubleValue })) } }
  return { mapValue: { fields: { __type__: { stringValue: '__vector__' }, value: elements } } }
}

function comparableFields(fields: Message): unknown {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, comparable(value as Message)]))
}

/** Without what protobufjs adds: which of the kinds it is, and empty lists. */
function comparable(value: Message): unknown {
  const { arrayValue, mapValue, bytesValue, ...other } = value as {
    arrayValue?: { values?: readonly Message[] }
    mapValue?: { fields?: Message }
    bytesValue?: Uint8Array
    valueType?: string
  }
  if (arrayValue) return (arrayValue.values ?? []).map(comparable)
  if (mapValue) return { fields: comparableFields(mapValue.fields ?? {}) }
  if (bytesValue) return { bytes: Buffer.from(bytesValue).toString('base64') }
  delete other.valueType
  return other
}
