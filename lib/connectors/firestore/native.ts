/** The values that Firestore has types of its own for, other than JSON's. */
import { Double, GeoPoint, Reference, Timestamp, Vector, type Value } from '../../values/index.ts'
import { idRefusal, maxTimestampSeconds, maxVectorLength, minTimestampSeconds, nameBytes } from './limits.ts'
import { contentField, entryField, valueField, vectorType } from './values.ts'
import type { WireWriter } from './wire.ts'

/** `projects/p/databases/d/documents/agents/abc`, in any database. */
const resourceName = /^projects\/[^/]+\/databases\/[^/]+\/documents\/(.+)$/s

/**
 * Write what an instance of one of the values' classes holds.
 *
 * @param root what a reference's path begins with where it names no database
 * @returns the size as Firestore counts it; -1, with nothing written, where Firestore doesn't hold it
 */
export function writeNative(writer: WireWriter, value: Value & object, root: string): number {
  if (value instanceof Double) {
    writer.doubleField(valueField.double, value.value)
    return 8
  }
  if (value instanceof Timestamp) return writeTimestamp(writer, value)
  if (value instanceof Uint8Array) {
    writer.bytesField(valueField.bytes, value)
    return value.length
  }
  if (value instanceof GeoPoint) return writeGeoPoint(writer, value)
  if (value instanceof Reference) return writeReference(writer, value, root)
  return value instanceof Vector ? writeVector(writer, value) : -1
}

function writeTimestamp(writer: WireWriter, { seconds, nanoseconds }: Timestamp): number {
  if (seconds < minTimestampSeconds || seconds > maxTimestampSeconds || nanoseconds % 1000 !== 0) return -1
  const before = writer.length
  if (nanoseconds !== 0) writer.varintField(2, nanoseconds)
  if (seconds !== 0) writer.int64Field(1, seconds)
  writer.messageField(valueField.timestamp, before)
  return 8
}

function writeGeoPoint(writer: WireWriter, { latitude, longitude }: GeoPoint): number {
  if (!(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180)) return -1
  const before = writer.length
  writer.doubleField(2, longitude)
  writer.doubleField(1, latitude)
  writer.messageField(valueField.geoPoint, before)
  return 16
}

function writeReference(writer: WireWriter, { path }: Reference, root: string): number {
  const full = resourceName.exec(path)
  // It would be read as one that names no database, which means another once it is moved.
  if (full && path.startsWith(`${root}/`)) return -1
  const [name, relative] = full ?? [`${root}/${path}`, path]
  const segments = relative.split('/')
  if (segments.length % 2 !== 0 || segments.some(segment => idRefusal(segment) !== undefined)) return -1
  return writer.textField(valueField.reference, name) < 0 ? -1 : nameBytes(relative)
}

function writeVector(writer: WireWriter, { values }: Vector): number {
  if (values.length === 0 || values.length > maxVectorLength || values.some(Number.isNaN)) return -1
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
  return 8 * values.length
}
