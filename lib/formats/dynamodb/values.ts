/** DynamoDB's JSON, and its attributes as values. `encoding.ts` writes them. */
import { decodeEnvelopeMap, memberIdentity, setField, ValueSet } from '../../values/index.ts'
import type { SetMember, Value, ValueMap } from '../../values/index.ts'
import { mayBeEscaped } from './names.ts'
import { readNumber } from './numbers.ts'

/** An attribute's value in DynamoDB's JSON: exactly one of the members. Binary values are base64. */
export interface AttributeJson {
  readonly S?: string
  readonly N?: string
  readonly B?: string
  readonly BOOL?: boolean
  readonly NULL?: true
  readonly L?: readonly AttributeJson[]
  readonly M?: Readonly<Record<string, AttributeJson>>
  readonly SS?: readonly string[]
  readonly NS?: readonly string[]
  readonly BS?: readonly string[]
}

export type ItemJson = Readonly<Record<string, AttributeJson>>

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

/** Plain bytes, not a Buffer: a value is the same whatever it was read from. */
export function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'))
}

/** What has been seen in an item so far. */
export interface Reading {
  /** Whether some name may be an escaped one. */
  sawEscaped: boolean
}

/** @throws {SyntaxError} for what is none of DynamoDB's types, and for a set that the service would not take: no text of ours is read back as one */
export function readValue(attribute: AttributeJson, reading: Reading): Value {
  if (attribute.S !== undefined) return attribute.S
  if (attribute.N !== undefined) return readNumber(attribute.N)
  if (attribute.M !== undefined) return readMap(attribute.M, reading)
  if (attribute.L !== undefined) return attribute.L.map(element => readValue(element, reading))
  if (attribute.BOOL !== undefined) return attribute.BOOL
  if (attribute.NULL !== undefined) return null
  if (attribute.B !== undefined) return fromBase64(attribute.B)
  if (attribute.SS !== undefined) return readSet(attribute.SS)
  if (attribute.NS !== undefined) return readSet(attribute.NS.map(readNumber))
  if (attribute.BS !== undefined) return readSet(attribute.BS.map(fromBase64))
  throw new SyntaxError('an attribute of a type that DynamoDB does not have')
}

function readSet(members: readonly SetMember[]): ValueSet {
  if (members.length === 0) throw new SyntaxError('an empty set, which DynamoDB does not have')
  if (new Set(members.map(memberIdentity)).size < members.length) throw new SyntaxError('a set that holds one member twice')
  return new ValueSet(members)
}

/** @param decode false for what a `$literal` holds: a user's own map, which is not decoded itself; the values module does that */
function readMap(attributes: Readonly<Record<string, AttributeJson>>, reading: Reading, decode = true): Value {
  const map: ValueMap = {}
  let mayBeEnvelope = false
  for (const name of Object.keys(attributes)) {
    const attribute = attributes[name] as AttributeJson
    if (name.charCodeAt(0) === 36) {
      mayBeEnvelope = decode
      if (mayBeEscaped(name)) reading.sawEscaped = true
    }
    setField(map, name, name === '$literal' && attribute.M ? readMap(attribute.M, reading, false) : readValue(attribute, reading))
  }
  return mayBeEnvelope ? decodeEnvelopeMap(map) : map
}
