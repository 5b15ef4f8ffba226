/**
 * What instances of docferry's own classes hold that they can't. JavaScript lets anything be put there, and somebody else's code is JavaScript
 * when it runs: text in a GeoPoint would be written as it is, and read back as a map.
 */
import { asBuffer, memberIdentity } from './envelope-content.ts'
import { kindIfAny, nameOf, type ValueKind } from './kinds.ts'
import { isTooLong, mostDigits, numberFromText } from './numbers.ts'
import {
  Double,
  isTime,
  type Decimal,
  type GeoPoint,
  type Reference,
  type SetMember,
  type Timestamp,
  type ValueSet,
  type Vector
} from './types.ts'

export interface Fault {
  /** Without anything of what it holds. */
  readonly what: string
  readonly instead: string
}

/** @returns undefined for what holds what its class says, and for all that is of none of docferry's classes */
export function faultOf(kind: ValueKind, value: unknown): Fault | undefined {
  switch (kind) {
    case 'bigint':
      return isTooLong(value as bigint) ? { what: `an integer of more than ${mostDigits} digits`, instead: 'make it text' } : undefined
    case 'double':
      return notOf('Double', 'number', 'a number', (value as Double).value)
    case 'decimal':
      return isNumber((value as Decimal).digits) ? undefined : badDecimal
    case 'bytes':
      return isReadable(value as Uint8Array)
        ? undefined
        : { what: 'a Uint8Array whose bytes are gone', instead: 'give it a buffer of its own' }
    case 'timestamp':
      return isTime((value as Timestamp).seconds, (value as Timestamp).nanoseconds) ? undefined : badTime
    case 'geoPoint': {
      const { latitude, longitude } = value as GeoPoint
      return notOf('GeoPoint', 'number', 'two numbers', latitude) ?? notOf('GeoPoint', 'number', 'two numbers', longitude)
    }
    case 'reference':
      return notOf('Reference', 'string', 'the path as text', (value as Reference).path)
    case 'vector':
      return vectorFault((value as Vector).values)
    case 'set':
      return setFault((value as ValueSet).members)
    default:
      return undefined
  }
}

const badTime: Fault = {
  what: 'a Timestamp of what is not whole, or out of range',
  instead: 'give it whole seconds, and 0 to 999,999,999 nanoseconds, whole too'
}

const badDecimal: Fault = {
  what: `a Decimal of what is no number, or of more than ${mostDigits} digits`,
  instead: 'give it text such as -123.45E+6'
}

const memberKinds: ReadonlySet<ValueKind | undefined> = new Set<ValueKind>(['string', 'number', 'double', 'bigint', 'decimal', 'bytes'])
const onlyMembers = 'give it texts, numbers or Uint8Arrays, all of one kind'

function vectorFault(values: unknown): Fault | undefined {
  const instead = 'give it a list of numbers'
  if (!isList(values)) return { what: `a Vector of ${nameOf(values)}`, instead }
  for (let index = 0; index < values.length; index++) {
    if (typeof values[index] !== 'number') return { what: `a Vector with ${nameOf(values[index])} at ${index}`, instead }
  }
  return undefined
}

/** What of a set would not be read back as one is known by the same identities. */
function setFault(members: unknown): Fault | undefined {
  if (!Array.isArray(members)) return { what: `a ValueSet of ${nameOf(members)}`, instead: 'give it a list' }
  if (members.length === 0) return { what: 'an empty ValueSet', instead: 'leave it out' }
  const seen = new Set<string>()
  let first: string | undefined
  for (let index = 0; index < members.length; index++) {
    const member: unknown = members[index]
    const kind = kindIfAny(member)
    if (kind === undefined || !memberKinds.has(kind)) return { what: `a ValueSet with ${nameOf(member)} at ${index}`, instead: onlyMembers }
    const fault = faultOf(kind, member)
    if (fault) return { ...fault, what: `a ValueSet with ${fault.what}` }
    const identity = memberIdentity(member instanceof Double ? member.value : (member as SetMember))!
    first ??= identity
    if (identity[0] !== first[0]) return { what: 'a ValueSet with members of several kinds', instead: onlyMembers }
    if (seen.has(identity)) return { what: 'a ValueSet that holds one member twice', instead: 'give it each once' }
    seen.add(identity)
  }
  return undefined
}

function notOf(name: string, type: 'number' | 'string', wanted: string, held: unknown): Fault | undefined {
  return typeof held === type ? undefined : { what: `a ${name} of ${nameOf(held)}`, instead: `give it ${wanted}` }
}

/** Also a Float32Array, which is read like a list. */
function isList(values: unknown): values is ArrayLike<unknown> {
  return Array.isArray(values) || (ArrayBuffer.isView(values) && !(values instanceof DataView))
}

function isNumber(digits: unknown): boolean {
  if (typeof digits !== 'string') return false
  try {
    numberFromText(digits)
    return true
  } catch {
    return false
  }
}

/** A buffer that was handed to another thread has left its views behind. */
function isReadable(bytes: Uint8Array): boolean {
  try {
    asBuffer(bytes)
    return true
  } catch {
    return false
  }
}
