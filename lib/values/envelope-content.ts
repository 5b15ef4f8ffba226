/** The content of envelopes: what makes one well-formed, and the value that it stands for. */
import { isMap } from './kinds.ts'
import { escapeText, unescapeText } from './names.ts'
import { decimalParts, fromBigInt, fromDouble, isNumberText, numberFromText, numberIdentity } from './numbers.ts'
import { Decimal, Double, GeoPoint, Reference, Timestamp, ValueSet, Vector, type SetMember, type Value } from './types.ts'
import { isWellFormed } from './text.ts'

/** What an envelope holds, its content decoded already; undefined when it is malformed or no envelope. */
export function openEnvelope(key: string, content: Value): Value | undefined {
  switch (key) {
    case '$date':
      return typeof content === 'string' ? timestampFromText(content) : timestampFromMilliseconds(content)
    case '$binary':
      return bytesFrom(content)
    case '$numberDouble':
      return typeof content === 'string' ? doubleFromText(content) : undefined
    case '$numberLong':
      return typeof content === 'string' ? integerFromText(content) : undefined
    case '$numberInt':
      return typeof content === 'string' ? int32FromText(content) : undefined
    case '$numberDecimal':
      return typeof content === 'string' && isNumberText(content) ? numberFromText(content) : undefined
    case '$geoPoint': {
      const values = doublesFrom(content)
      return values?.length === 2 ? new GeoPoint(values[0]!, values[1]!) : undefined
    }
    case '$vector': {
      const values = doublesFrom(content)
      return values && new Vector(values)
    }
    case '$reference':
      return typeof content === 'string' ? new Reference(content) : undefined
    case '$set':
      return setFrom(content)
    case '$array':
      return Array.isArray(content) ? content : undefined
    case '$string':
      return typeof content === 'string' ? textFrom(content) : undefined
    default:
      return undefined
  }
}

/** RFC 3339, also with an offset written `+0100` as mongoexport did, and with the six-digit years of JavaScript. */
const timePattern = /^(\d{4}|[+-]\d{6})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):?(\d\d))$/

function timestampFromText(text: string): Timestamp | undefined {
  const match = timePattern.exec(text)
  if (match === null) return undefined
  const [, year, month, day, hour, minute, second, fraction = '', sign = '+', offsetHours = '0', offsetMinutes = '0'] = match
  const local = `${year}-${month}-${day}T${hour}:${minute}:${second}`
  const milliseconds = Date.parse(`${local}Z`)
  // A Date takes February 30 and 24:00:00 for other days; here they are no time.
  if (Number.isNaN(milliseconds) || new Date(milliseconds).toISOString().slice(0, -5) !== local) return undefined
  if (Number(offsetHours) > 23 || Number(offsetMinutes) > 59) return undefined
  const offset = Number(`${sign}${Number(offsetHours) * 3600 + Number(offsetMinutes) * 60}`)
  return makeTimestamp(milliseconds / 1000 - offset, Number(fraction.padEnd(9, '0')))
}

function timestampFromMilliseconds(content: Value): Timestamp | undefined {
  const milliseconds = content instanceof Double ? content.value : content
  if (typeof milliseconds !== 'number' || !Number.isSafeInteger(milliseconds)) return undefined
  const seconds = Math.floor(milliseconds / 1000)
  return makeTimestamp(seconds, (milliseconds - seconds * 1000) * 1_000_000)
}

function makeTimestamp(seconds: number, nanoseconds: number): Timestamp | undefined {
  return Math.abs(seconds) <= 8.64e12 ? new Timestamp(seconds, nanoseconds) : undefined
}

/** Only text that needs its envelope: with half a surrogate pair in it. */
function textFrom(content: string): string | undefined {
  const text = unescapeText(content)
  return !isWellFormed(text) && escapeText(text) === content ? text : undefined
}

/** Only sub-type 00, plain bytes: the others (a UUID, a function) mean something that bytes don't say. */
function bytesFrom(content: Value): Uint8Array | undefined {
  if (!isMap(content) || content.subType !== '00' || typeof content.base64 !== 'string') return undefined
  if (Object.keys(content).length !== 2) return undefined
  const bytes = Buffer.from(content.base64, 'base64')
  return bytes.toString('base64') === content.base64 ? new Uint8Array(bytes) : undefined
}

function doubleFromText(text: string): number | Double | undefined {
  if (text === 'NaN') return NaN
  if (text === 'Infinity') return Infinity
  if (text === '-Infinity') return -Infinity
  if (text === '-0') return -0
  if (!isNumberText(text)) return undefined
  const value = Number(text)
  const fits = Number.isFinite(value) && (value !== 0 || decimalParts(text).digits === '')
  return fits ? fromDouble(value) : undefined
}

function integerFromText(text: string): number | bigint | undefined {
  return /^(?:0|-?[1-9]\d*)$/.test(text) && isNumberText(text) ? fromBigInt(BigInt(text)) : undefined
}

function int32FromText(text: string): number | undefined {
  const value = integerFromText(text)
  return typeof value === 'number' && (value | 0) === value ? value : undefined
}

function doublesFrom(content: Value): number[] | undefined {
  if (!Array.isArray(content)) return undefined
  const values: number[] = []
  for (const element of content) {
    const value = doubleFrom(element)
    if (value === undefined) return undefined
    values.push(value)
  }
  return values
}

/** A double, also where a database gave it back as another kind of number. */
function doubleFrom(element: Value): number | undefined {
  if (typeof element === 'number') return element
  if (element instanceof Double) return element.value
  if (typeof element !== 'bigint') return undefined
  const value = Number(element)
  return Number.isFinite(value) && numberIdentity(String(value)) === numberIdentity(String(element)) ? value : undefined
}

function setFrom(content: Value): ValueSet | undefined {
  if (!Array.isArray(content) || content.length === 0) return undefined
  const members: SetMember[] = []
  const seen = new Set<string>()
  for (const element of content) {
    const member = element instanceof Double ? element.value : element
    const identity = memberIdentity(member)
    if (identity === undefined || seen.has(identity)) return undefined
    seen.add(identity)
    members.push(member as SetMember)
  }
  const kinds = new Set([...seen].map(identity => identity[0]))
  return kinds.size === 1 ? new ValueSet(members) : undefined
}

/** Equal for two members if and only if they are equal; its first letter tells strings, numbers and bytes apart. */
export function memberIdentity(member: Value): string | undefined {
  if (typeof member === 'string') return `s${member}`
  if (typeof member === 'number') return `n${Number.isFinite(member) ? numberIdentity(String(member)) : member}`
  if (typeof member === 'bigint') return `n${numberIdentity(String(member))}`
  if (member instanceof Decimal) return `n${numberIdentity(member.digits)}`
  if (member instanceof Uint8Array) return `b${asBuffer(member).toString('latin1')}`
  return undefined
}

/** The same bytes, with the methods of a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
