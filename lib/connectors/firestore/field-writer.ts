/** Writes the fields of one document, and counts its size as Firestore does. */
import { DocferryError } from '../../errors.ts'
import type { EncodeRules, OnConversion, Refusal } from '../../types.ts'
import {
  Double,
  Timestamp,
  Vector,
  escapeMap,
  escapeName,
  isMap,
  isWellFormed,
  kindOf,
  looksLikeEnvelope,
  movedFieldsName,
  numberIdentity,
  pathText,
  toEnvelope,
  toPlain,
  type Document,
  type Place,
  type Value,
  type ValueKind,
  type ValueMap
} from '../../values/index.ts'
import { fieldNameRefusal, fieldPathRefusal, maxDepth, maxNameBytes, valueSizeRefusal } from './limits.ts'
import { isTooLong, mustEscapeField } from './names.ts'
import { writeNative } from './native.ts'
import { contentField, documentField, entryField, idField, valueField } from './values.ts'
import type { WireWriter } from './wire.ts'

const minInt64 = -(2n ** 63n)
const maxInt64 = 2n ** 63n - 1n

/** Leaves the writing with what is wrong. */
export class Unfit extends Error {
  readonly refusal: Refusal
  readonly isPathTooLong: boolean
  constructor(refusal: Refusal, isPathTooLong = false) {
    super(refusal.message)
    this.refusal = refusal
    this.isPathTooLong = isPathTooLong
  }
}

/** How one document is written. */
export interface Writing {
  /** Bytes of its name and what else counts beside its fields. */
  readonly size: number
  readonly onConversion: OnConversion | undefined
  /** Most bytes of a name that stays where it is, where names are escaped. */
  readonly longestName: number
}

/** A conversion's path can be asked for only while it is told of. */
export class FieldWriter {
  readonly #root: string
  readonly #plain: boolean
  readonly #exact: boolean
  readonly #escapeNames: boolean
  readonly #writer: WireWriter
  /** Where in the document the writer is: the containers' places, valid up to the depth it is at. */
  readonly #path: Place[] = []
  #size = 0
  #onConversion: OnConversion | undefined
  /** Bytes of the longest path of names below the value that was written last. */
  #below = 0
  #longestName = maxNameBytes

  /** @param root `projects/p/databases/d/documents` */
  constructor(writer: WireWriter, root: string, { types, escapeNames }: EncodeRules) {
    this.#writer = writer
    this.#root = root
    this.#plain = types === 'plain'
    this.#exact = types === 'exact'
    this.#escapeNames = escapeNames
  }

  /**
   * @param stored the document's name inside its collection
   * @returns its size as Firestore counts it
   * @throws {Unfit} for what Firestore would refuse
   */
  write(document: Document, stored: string, { size, onConversion, longestName }: Writing): number {
    const id = document[idField]
    this.#size = size
    this.#onConversion = onConversion
    this.#longestName = longestName
    const isHashed = stored !== id && stored !== escapeName(id)
    this.#fields(documentField.fields, document, 0, idField, isHashed)
    // As a field, the id of a document in a subcollection is what it is there.
    const own = stored === id ? id.slice(id.lastIndexOf('/') + 1) : id
    this.#field(documentField.fields, idField, isWellFormed(own) ? own : stored, 0)
    if (stored !== id) this.#tell('id', 'escaped', 0)
    return this.#size
  }

  #tell(kind: Parameters<OnConversion>[0], conversion: Parameters<OnConversion>[1], depth: number): void {
    this.#onConversion?.(kind, conversion, () => pathText(this.#path, depth + 1))
  }

  #unfit({ code, message }: Refusal, depth: number): Unfit {
    return new Unfit({ code, message, path: pathText(this.#path, depth + 1) })
  }

  /** @param isHashed whether the map is a document whose id is too long to be its name */
  #fields(field: number, map: ValueMap, depth: number, except?: string, isHashed = false): void {
    const keys = Object.keys(map)
    let moved: string[] | undefined
    let longest = 0
    for (let index = keys.length - 1; index >= 0; index--) {
      const key = keys[index]!
      const value = map[key]
      if (value === undefined || key === except) continue
      if (this.#escapeNames && isTooLong(key, this.#longestName)) (moved ??= []).push(key)
      else {
        this.#field(field, key, value, depth)
        if (this.#below > longest) longest = this.#below
      }
    }
    if (isHashed) (moved ??= []).push(idField)
    if (moved !== undefined) {
      this.#moved(field, map, moved, depth)
      if (this.#below > longest) longest = this.#below
    }
    this.#below = longest
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
    const writer = this.#writer
    const before = writer.length
    const bytes = writer.textField(entryField.key, key)
    const refusal = fieldNameRefusal(key, bytes)
    if (refusal === undefined && !mustEscapeField(key)) {
      this.#size += bytes + 1
      this.#lengthen(bytes, depth)
      return
    }
    if (refusal !== undefined && !this.#escapeNames) throw this.#unfit(refusal, depth)
    writer.rewind(before)
    this.#escapedName(key, depth)
  }

  #escapedName(key: string, depth: number): void {
    const escaped = escapeName(key)
    const bytes = this.#writer.textField(entryField.key, escaped)
    const refusal = fieldNameRefusal(escaped, bytes)
    if (refusal !== undefined) throw this.#unfit(refusal, depth)
    this.#size += bytes + 1
    this.#tell('name', 'escaped', depth)
    this.#lengthen(bytes, depth)
  }

  /** The path below gets another name in front. */
  #lengthen(nameLength: number, depth: number): void {
    const bytes = this.#below === 0 ? nameLength : nameLength + 1 + this.#below
    const refusal = fieldPathRefusal(bytes)
    if (refusal !== undefined) throw new Unfit({ ...refusal, path: pathText(this.#path, depth + 1) }, true)
    this.#below = bytes
  }

  /**
   * The field `$%%`: what can't be a name, and its value.
   *
   * @param names of fields, the last one first
   */
  #moved(field: number, map: ValueMap, names: readonly string[], depth: number): void {
    const writer = this.#writer
    const before = writer.length
    this.#path[depth] = null
    const inside = this.#deeper(depth)
    let longest = 0
    for (const name of names) {
      this.#path[inside] = name
      if (name === idField) this.#name(map[idField] as string, inside)
      else {
        this.#value(contentField, map[name]!, inside, true)
        if (this.#below > longest) longest = this.#below
        this.#tell('name', 'escaped', inside)
      }
      this.#name(name, inside)
    }
    this.#below = longest
    writer.messageField(valueField.array, before)
    writer.messageField(entryField.value, before)
    const bytes = writer.textField(entryField.key, movedFieldsName)
    this.#size += bytes + 1
    this.#lengthen(bytes, depth)
    writer.messageField(field, before)
  }

  /** A name as an element of an array. */
  #name(name: string, depth: number): void {
    const before = this.#writer.length
    if (isWellFormed(name)) this.#text(name, depth)
    else this.#envelope(toEnvelope(name), depth)
    this.#writer.messageField(contentField, before)
  }

  #value(field: number, value: Value, depth: number, inArray: boolean): void {
    const writer = this.#writer
    const before = writer.length
    this.#below = 0
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
        if (value < minInt64 || value > maxInt64) this.#bigInteger(value, depth, inArray)
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
          if (inArray) this.#convert(value, depth, inArray)
          else this.#array(value, depth)
        } else if (isMap(value)) {
          if (looksLikeEnvelope(value)) this.#lookAlike(value, depth)
          else this.#map(value, depth)
        } else if (!this.#native(value, depth, inArray)) this.#convert(value, depth, inArray)
        break
      default:
        this.#convert(value, depth, inArray)
    }
    writer.messageField(field, before)
  }

  /** Past 64 bits: a double where that has the same digits, as it had before a database made an integer of it. */
  #bigInteger(value: bigint, depth: number, inArray: boolean): void {
    const double = Number(value)
    const isSame = Number.isFinite(double) && numberIdentity(String(double)) === numberIdentity(String(value))
    if (this.#exact || !isSame) return this.#convert(value, depth, inArray)
    this.#size += 8
    this.#writer.doubleField(valueField.double, double)
    this.#tell('bigint', 'merged', depth)
  }

  #text(text: string, depth: number): void {
    const bytes = this.#writer.textField(valueField.string, text)
    if (bytes < 0) return this.#halfPair(text, depth)
    this.#checkLength(bytes, depth)
    this.#size += bytes + 1
  }

  #halfPair(text: string, depth: number): void {
    if (!this.#plain) return this.#convert(text, depth, false)
    throw this.#unfit({ code: 'DOCFERRY_BAD_VALUE', message: 'a string holds half a surrogate pair, which UTF-8 cannot' }, depth)
  }

  #checkLength(bytes: number, depth: number): void {
    const refusal = valueSizeRefusal(bytes)
    if (refusal !== undefined) throw this.#unfit(refusal, depth)
  }

  #deeper(depth: number): number {
    if (depth < maxDepth) return depth + 1
    const message = `maps and arrays are nested more than ${maxDepth} levels deep, which Firestore refuses`
    throw this.#unfit({ code: 'DOCFERRY_TOO_DEEP', message }, 2)
  }

  #map(map: ValueMap, depth: number): void {
    const inside = this.#deeper(depth)
    const before = this.#writer.length
    this.#fields(contentField, map, inside)
    if (this.#writer.length === before) this.#size += 1
    this.#writer.messageField(valueField.map, before)
  }

  /** A user's own map that would be read as an envelope. */
  #lookAlike(map: ValueMap, depth: number): void {
    this.#tell('map', this.#plain ? 'lossy' : 'enveloped', depth)
    if (this.#plain) this.#map(map, depth)
    else this.#envelope(escapeMap(map), depth)
  }

  #envelope(envelope: ValueMap, depth: number): void {
    const key = Object.keys(envelope)[0]!
    const content = envelope[key]!
    const writer = this.#writer
    const inside = this.#deeper(depth)
    const before = writer.length
    this.#path[inside] = null
    if (isMap(content)) {
      this.#map(content, inside)
      writer.messageField(entryField.value, before)
    } else this.#value(entryField.value, content, inside, false)
    this.#fieldName(key, inside)
    writer.messageField(contentField, before)
    writer.messageField(valueField.map, before)
  }

  #array(values: readonly Value[], depth: number): void {
    const inside = this.#deeper(depth)
    const before = this.#writer.length
    let longest = 0
    for (let index = values.length - 1; index >= 0; index--) {
      this.#path[inside] = index
      this.#value(contentField, values[index]!, inside, true)
      if (this.#below > longest) longest = this.#below
    }
    this.#below = longest
    if (values.length === 0) this.#size += 1
    this.#writer.messageField(valueField.array, before)
  }

  /** An array as a map of its indexes. */
  #indexed(values: readonly Value[], depth: number): void {
    const writer = this.#writer
    const inside = this.#deeper(depth)
    const before = writer.length
    let longest = 0
    for (let index = values.length - 1; index >= 0; index--) {
      const entry = writer.length
      this.#path[inside] = index
      this.#value(entryField.value, values[index]!, inside, false)
      this.#fieldName(String(index), inside)
      if (this.#below > longest) longest = this.#below
      writer.messageField(contentField, entry)
    }
    this.#below = longest
    if (values.length === 0) this.#size += 1
    writer.messageField(valueField.map, before)
  }

  /** @returns false for what Firestore has no type for, or not at this place, or is not to use; nothing is written then */
  #native(value: Value & object, depth: number, inArray: boolean): boolean {
    if (this.#plain ? !(value instanceof Double) : inArray && value instanceof Vector) return false
    if (value instanceof Uint8Array) this.#checkLength(value.length, depth)
    const size = writeNative(this.#writer, value, this.#root)
    if (size < 0) return false
    this.#size += size
    return true
  }

  #convert(value: Value, depth: number, inArray: boolean): void {
    const kind = this.#kindOf(value, depth)
    this.#tell(kind, this.#plain ? 'lossy' : 'enveloped', depth)
    const onConversion = this.#onConversion
    // What a set or a vector holds is part of it, and not told of apart.
    if (kind !== 'array') this.#onConversion = undefined
    if (this.#plain) this.#plainForm(value, depth, inArray)
    else this.#envelope(toEnvelope(value), depth)
    this.#onConversion = onConversion
  }

  #plainForm(value: Value, depth: number, inArray: boolean): void {
    const form = Array.isArray(value) ? value : toPlain(value)
    if (typeof form === 'string') this.#text(form, depth)
    else if (!Array.isArray(form)) this.#map(form as ValueMap, depth)
    else if (inArray) this.#indexed(form, depth)
    else this.#array(form, depth)
  }

  #kindOf(value: Value, depth: number): ValueKind {
    if (value instanceof Timestamp && !Number.isInteger(value.nanoseconds)) {
      throw this.#unfit({ code: 'DOCFERRY_BAD_VALUE', message: 'a timestamp is out of range' }, depth)
    }
    try {
      return kindOf(value)
    } catch (error) {
      throw error instanceof DocferryError ? this.#unfit(error, depth) : error
    }
  }
}
