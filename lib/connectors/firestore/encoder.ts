import { DocferryError } from '../../errors.ts'
import type { Refusal } from '../../types.ts'
import {
  Decimal,
  Double,
  GeoPoint,
  Reference,
  Timestamp,
  ValueSet,
  Vector,
  isMap,
  looksLikeEnvelope,
  notAValue,
  toEnvelope,
  type Document,
  type Value,
  type ValueMap
} from '../../values/index.ts'
import {
  count,
  documentOverheadBytes,
  fieldNameRefusal,
  idRefusal,
  maxDepth,
  maxDocumentBytes,
  maxTimestampSeconds,
  maxValueBytes,
  maxVectorLength,
  minTimestampSeconds,
  nameBytes
} from './limits.ts'
import { contentField, documentField, entryField, idField, valueField, vectorType } from './values.ts'
import { WireWriter } from './wire.ts'

const minInt64 = -(2n ** 63n)
const maxInt64 = 2n ** 63n - 1n

/** `projects/p/databases/d/documents/agents/abc`, in any database. */
const resourceName = /^projects\/[^/]+\/databases\/[^/]+\/documents\/(.+)$/s

/** Leaves `encode` with what is wrong. */
class Unfit extends Error {
  readonly refusal: Refusal
  constructor(refusal: Refusal) {
    super(refusal.message)
    this.refusal = refusal
  }
}

/** Turns documents into `Document` messages for one database. */
export class DocumentEncoder {
  readonly #root: string
  readonly #writer = new WireWriter()
  /** Where in the document the encoder is, for refusals: the container's keys, valid up to the depth it is at. */
  readonly #path: (string | number)[] = []
  /** The document's size so far, as Firestore counts it. */
  #size = 0

  /** @param root `projects/p/databases/d/documents` */
  constructor(root: string) {
    this.#root = root
  }

  /** The message's bytes, or why Firestore would refuse the document. */
  encode(collection: string, document: Document): Buffer | Refusal {
    const id = document[idField]
    const badId = idRefusal(id)
    if (badId !== undefined) return badId
    const writer = this.#writer
    writer.reset()
    this.#size = nameBytes(`${collection}/${id}`) + documentOverheadBytes
    try {
      this.#fields(documentField.fields, document, 0, idField)
      this.#field(documentField.fields, idField, id, 0)
    } catch (error) {
      if (error instanceof Unfit) return error.refusal
      if (error instanceof DocferryError) return { code: error.code, message: error.message }
      throw error
    }
    if (this.#size > maxDocumentBytes) {
      return {
        code: 'DOCFERRY_TOO_LARGE',
        message: `${count(this.#size)} bytes; a Firestore document holds at most ${count(maxDocumentBytes)}`
      }
    }
    writer.textField(documentField.name, `${this.#root}/${collection}/${id}`)
    return writer.finish()
  }

  #unfit(code: Refusal['code'], message: string, depth: number): Unfit {
    let path = ''
    for (const key of this.#path.slice(0, depth + 1)) {
      if (typeof key === 'number') path += `[${key}]`
      else path += path === '' ? key : `.${key}`
    }
    return new Unfit({ code, message, path })
  }

  #fields(field: number, map: ValueMap, depth: number, except?: string): void {
    const keys = Object.keys(map)
    for (let index = keys.length - 1; index >= 0; index--) {
      const key = keys[index]!
      const value = map[key]
      if (value !== undefined && key !== except) this.#field(field, key, value, depth)
    }
  }

  #field(field: number, key: string, value: Value, depth: number): void {
    const writer = this.#writer
    const before = writer.length
    this.#path[depth] = key
    this.#value(entryField.value, value, depth, false)
    this.#fieldName(key, depth)
    writer.messageField(field, before)
  }

  #fieldName(key: string, depth: number): void {
    const bytes = this.#writer.textField(entryField.key, key)
    const refusal = fieldNameRefusal(key, bytes)
    if (refusal !== undefined) {
      this.#path[depth] = key.length > 100 ? `${key.slice(0, 100)}...` : key
      throw this.#unfit(refusal.code, refusal.message, depth)
    }
    this.#size += bytes + 1
  }

  #value(field: number, value: Value, depth: number, inArray: boolean): void {
    const writer = this.#writer
    const before = writer.length
    switch (typeof value) {
      case 'string':
        this.#text(value, depth)
        break
      case 'number':
        this.#size += 8
        if (Number.isSafeInteger(value) && !Object.is(value, -0)) writer.int64Field(valueField.integer, value)
        else writer.doubleField(valueField.double, value)
        break
      case 'boolean':
        this.#size += 1
        writer.varintField(valueField.boolean, value ? 1 : 0)
        break
      case 'bigint':
        if (value < minInt64 || value > maxInt64) this.#map(toEnvelope(value), depth)
        else {
          this.#size += 8
          writer.int64Field(valueField.integer, value)
        }
        break
      case 'object':
        if (value === null) {
          this.#size += 1
          writer.varintField(valueField.null, 0)
        } else if (Array.isArray(value)) {
          if (inArray) this.#map(toEnvelope(value), depth)
          else this.#array(value, depth)
        } else if (isMap(value)) {
          if (looksLikeEnvelope(value)) this.#literal(value, depth)
          else this.#map(value, depth)
        } else if (!this.#special(value, depth, inArray)) this.#map(toEnvelope(value), depth)
        break
      default:
        throw this.#unfit('DOCFERRY_BAD_VALUE', notAValue(value).message, depth)
    }
    writer.messageField(field, before)
  }

  #text(text: string, depth: number): void {
    const bytes = this.#writer.textField(valueField.string, text)
    if (bytes < 0) throw this.#unfit('DOCFERRY_BAD_VALUE', 'a string holds half a surrogate pair, which UTF-8 cannot', depth)
    this.#checkLength(bytes, depth)
    this.#size += bytes + 1
  }

  #checkLength(bytes: number, depth: number): void {
    if (bytes <= maxValueBytes) return
    throw this.#unfit('DOCFERRY_TOO_LARGE', `a value of ${count(bytes)} bytes; Firestore takes at most ${count(maxValueBytes)}`, depth)
  }

  #deeper(depth: number): number {
    if (depth < maxDepth) return depth + 1
    throw this.#unfit('DOCFERRY_TOO_DEEP', `maps and arrays are nested more than ${maxDepth} levels deep, which Firestore refuses`, 2)
  }

  #map(map: ValueMap, depth: number): void {
    const inside = this.#deeper(depth)
    const before = this.#writer.length
    this.#fields(contentField, map, inside)
    if (this.#writer.length === before) this.#size += 1
    this.#writer.messageField(valueField.map, before)
  }

  /** A user's own map that would be read as an envelope, inside one more. */
  #literal(map: ValueMap, depth: number): void {
    const writer = this.#writer
    const inside = this.#deeper(depth)
    const before = writer.length
    this.#path[inside] = '$literal'
    this.#map(map, inside)
    writer.messageField(entryField.value, before)
    this.#fieldName('$literal', inside)
    writer.messageField(contentField, before)
    writer.messageField(valueField.map, before)
  }

  #array(values: readonly Value[], depth: number): void {
    const inside = this.#deeper(depth)
    const before = this.#writer.length
    for (let index = values.length - 1; index >= 0; index--) {
      this.#path[inside] = index
      this.#value(contentField, values[index]!, inside, true)
    }
    if (values.length === 0) this.#size += 1
    this.#writer.messageField(valueField.array, before)
  }

  /** @returns false for what Firestore has no type for, or not at this place; nothing is written then */
  #special(value: Exclude<Value & object, Value[] | ValueMap>, depth: number, inArray: boolean): boolean {
    const writer = this.#writer
    if (value instanceof Double) {
      this.#size += 8
      writer.doubleField(valueField.double, value.value)
      return true
    }
    if (value instanceof Timestamp) return this.#timestamp(value, depth)
    if (value instanceof Uint8Array) {
      this.#checkLength(value.length, depth)
      this.#size += value.length
      writer.bytesField(valueField.bytes, value)
      return true
    }
    if (value instanceof GeoPoint) return this.#geoPoint(value)
    if (value instanceof Reference) return this.#reference(value)
    if (value instanceof Vector) return !inArray && this.#vector(value)
    if (value instanceof Decimal || value instanceof ValueSet) return false
    throw this.#unfit('DOCFERRY_BAD_VALUE', notAValue(value).message, depth)
  }

  #timestamp({ seconds, nanoseconds }: Timestamp, depth: number): boolean {
    const inDay = Number.isInteger(nanoseconds) && nanoseconds >= 0 && nanoseconds < 1e9
    if (!Number.isInteger(seconds) || Math.abs(seconds) > 8.64e12 || !inDay) {
      throw this.#unfit('DOCFERRY_BAD_VALUE', 'a timestamp is out of range', depth)
    }
    if (seconds < minTimestampSeconds || seconds > maxTimestampSeconds || nanoseconds % 1000 !== 0) return false
    const writer = this.#writer
    const before = writer.length
    if (nanoseconds !== 0) writer.varintField(2, nanoseconds)
    if (seconds !== 0) writer.int64Field(1, seconds)
    writer.messageField(valueField.timestamp, before)
    this.#size += 8
    return true
  }

  #geoPoint({ latitude, longitude }: GeoPoint): boolean {
    if (!(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180)) return false
    const writer = this.#writer
    const before = writer.length
    writer.doubleField(2, longitude)
    writer.doubleField(1, latitude)
    writer.messageField(valueField.geoPoint, before)
    this.#size += 16
    return true
  }

  #reference({ path }: Reference): boolean {
    const [name, relative] = resourceName.exec(path) ?? [`${this.#root}/${path}`, path]
    const segments = relative.split('/')
    if (segments.length % 2 !== 0 || segments.some(segment => idRefusal(segment) !== undefined)) return false
    if (this.#writer.textField(valueField.reference, name) < 0) return false
    this.#size += nameBytes(relative)
    return true
  }

  #vector({ values }: Vector): boolean {
    if (values.length === 0 || values.length > maxVectorLength || values.some(Number.isNaN)) return false
    const writer = this.#writer
    const map = writer.length
    for (let index = values.length - 1; index >= 0; index--) {
      const element = writer.length
      writer.doubleField(valueField.double, values[index]!)
      writer.messageField(contentField, element)
    }
    writer.messageField(valueField.array, map)
    writer.messageField(entryField.value, map)
    writer.textField(entryField.key, 'value')
    writer.messageField(contentField, map)
    const type = writer.length
    writer.textField(valueField.string, vectorType.text)
    writer.messageField(entryField.value, type)
    writer.textField(entryField.key, vectorType.key)
    writer.messageField(contentField, type)
    writer.messageField(valueField.map, map)
    this.#size += 8 * values.length
    return true
  }
}
