import {
  Double,
  GeoPoint,
  Reference,
  Timestamp,
  Vector,
  decodeEnvelopes,
  fromDouble,
  restoreNames,
  setField,
  type Document,
  type Value,
  type ValueMap
} from '../../values/index.ts'
import { KnownNames } from './known-names.ts'
import { names } from './names.ts'
import { contentField, documentField, entryField, idField, valueField, vectorType } from './values.ts'
import { WireReader } from './wire.ts'

/** Turns `Document` messages of one collection into documents. */
export class DocumentDecoder {
  readonly #root: string
  readonly #prefix: string
  /** Whether the document at hand holds a map that may be an envelope. */
  #mayHoldEnvelope = false
  /** Whether the document at hand has a name that may be an escaped one. */
  #mayHoldEscapedName = false
  readonly #storedIds = new WeakMap<Document, string>()
  readonly #fieldNames = new KnownNames()

  /** @param root `projects/p/databases/d/documents` */
  constructor(root: string, collection: string) {
    this.#root = `${root}/`
    this.#prefix = `${root}/${collection}/`
  }

  /**
   * The document of a RunQueryResponse or a BatchGetDocumentsResponse, which both have it in field 1; undefined where they have none.
   *
   * @throws {RangeError} when it is no such message, or holds a type of value that is not known here
   */
  decodeAnswer(bytes: Buffer): Document | undefined {
    const reader = new WireReader(bytes)
    let document: Document | undefined
    while (reader.position < bytes.length) {
      const tag = reader.readVarint()
      if (tag === 1 * 8 + 2) document = this.#readDocument(reader, reader.readEnd())
      else reader.skip(tag)
    }
    return document
  }

  /** The document of a `Document` message alone. @throws {RangeError} as `decodeAnswer` */
  decodeDocument(message: Buffer): Document {
    return this.#readDocument(new WireReader(message), message.length)
  }

  /** The id under which Firestore holds a document that came from here, and whose `_id` is still what it was. */
  storedId(document: Document): string {
    return this.#storedIds.get(document) ?? document._id
  }

  #readDocument(reader: WireReader, end: number): Document {
    const document: Document = { [idField]: '' }
    this.#mayHoldEnvelope = false
    this.#mayHoldEscapedName = false
    while (reader.position < end) {
      const tag = reader.readVarint()
      if (tag === documentField.name * 8 + 2) document[idField] = this.#idOf(reader.readText())
      else if (tag === documentField.fields * 8 + 2) this.#readField(reader, document, true)
      else reader.skip(tag)
    }
    if (this.#mayHoldEnvelope) {
      for (const key of Object.keys(document)) {
        const value = document[key]!
        const decoded = decodeEnvelopes(value)
        if (decoded !== value) setField(document, key, decoded)
      }
    }
    return this.#mayHoldEscapedName ? this.#restore(document) : document
  }

  #restore(document: Document): Document {
    const stored = document._id
    const restored = restoreNames(document, names)
    if (restored._id !== stored) this.#storedIds.set(restored, stored)
    return restored
  }

  #idOf(name: string): string {
    if (!name.startsWith(this.#prefix)) throw new RangeError('a document of another collection')
    const id = name.slice(this.#prefix.length)
    if (mayBeEscaped(id)) this.#mayHoldEscapedName = true
    return id
  }

  #readField(reader: WireReader, map: ValueMap, isDocument: boolean): string {
    const end = reader.readEnd()
    let key = ''
    let value: Value | undefined
    while (reader.position < end) {
      const tag = reader.readVarint()
      if (tag === entryField.key * 8 + 2) key = reader.readName(this.#fieldNames)
      else if (tag === entryField.value * 8 + 2) value = this.#readValue(reader)
      else reader.skip(tag)
    }
    if (value === undefined) throw new RangeError('a field without a value')
    if (mayBeEscaped(key)) this.#mayHoldEscapedName = true
    if (!isDocument || key !== idField) setField(map, key, value)
    return key
  }

  #readValue(reader: WireReader): Value {
    const end = reader.readEnd()
    let value: Value | undefined
    while (reader.position < end) {
      const tag = reader.readVarint()
      switch (tag >>> 3) {
        case valueField.string:
          value = reader.readText()
          break
        case valueField.integer:
          value = reader.readInt64()
          break
        case valueField.double:
          value = fromDouble(reader.readDouble())
          break
        case valueField.boolean:
          value = reader.readVarint() !== 0
          break
        case valueField.null:
          reader.readVarint()
          value = null
          break
        case valueField.map:
          value = this.#readMap(reader)
          break
        case valueField.array:
          value = this.#readArray(reader)
          break
        case valueField.timestamp:
          value = this.#readTimestamp(reader)
          break
        case valueField.bytes:
          value = reader.readBytes()
          break
        case valueField.reference:
          value = this.#readReference(reader)
          break
        case valueField.geoPoint:
          value = this.#readGeoPoint(reader)
          break
        default:
          throw new RangeError(`a value of unknown type ${tag >>> 3}`)
      }
    }
    if (value === undefined) throw new RangeError('a value without a type')
    return value
  }

  #readMap(reader: WireReader): Value {
    const end = reader.readEnd()
    const map: ValueMap = {}
    let first: string | undefined
    while (reader.position < end) {
      const tag = reader.readVarint()
      if (tag !== contentField * 8 + 2) reader.skip(tag)
      else {
        const key = this.#readField(reader, map, false)
        first ??= key
      }
    }
    if (first?.charCodeAt(0) === 36) this.#mayHoldEnvelope = true
    return map[vectorType.key] === vectorType.text ? readVector(map) : map
  }

  #readArray(reader: WireReader): Value[] {
    const end = reader.readEnd()
    const values: Value[] = []
    while (reader.position < end) {
      const tag = reader.readVarint()
      if (tag === contentField * 8 + 2) values.push(this.#readValue(reader))
      else reader.skip(tag)
    }
    return values
  }

  #readTimestamp(reader: WireReader): Timestamp {
    const end = reader.readEnd()
    let seconds = 0
    let nanoseconds = 0
    while (reader.position < end) {
      const tag = reader.readVarint()
      if (tag === 8) seconds = Number(reader.readInt64())
      else if (tag === 16) nanoseconds = reader.readVarint()
      else reader.skip(tag)
    }
    return new Timestamp(seconds, nanoseconds)
  }

  #readGeoPoint(reader: WireReader): GeoPoint {
    const end = reader.readEnd()
    let latitude = 0
    let longitude = 0
    while (reader.position < end) {
      const tag = reader.readVarint()
      if (tag === 9) latitude = reader.readDouble()
      else if (tag === 17) longitude = reader.readDouble()
      else reader.skip(tag)
    }
    return new GeoPoint(latitude, longitude)
  }

  #readReference(reader: WireReader): Reference {
    const name = reader.readText()
    return new Reference(name.startsWith(this.#root) ? name.slice(this.#root.length) : name)
  }
}

/** Whether it begins with `$%`. */
function mayBeEscaped(name: string): boolean {
  return name.charCodeAt(0) === 36 && name.charCodeAt(1) === 37
}

function readVector(map: ValueMap): Value {
  const { value } = map
  if (!Array.isArray(value)) return map
  const values: number[] = []
  for (const element of value) {
    if (element instanceof Double) values.push(element.value)
    else if (typeof element === 'number') values.push(element)
    else return map
  }
  return new Vector(values)
}
