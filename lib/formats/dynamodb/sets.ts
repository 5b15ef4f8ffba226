/** Sets as SS, NS and BS. */
import { decimalParts, isNumberText } from '../../values/index.ts'
import type { DecimalParts, SetMember, ValueSet } from '../../values/index.ts'
import type { Encoding } from './encoding.ts'
import { fitsNumber, keepsKind, numberBytes } from './numbers.ts'
import { quoted } from './text.ts'
import { base64 } from './values.ts'

/**
 * A set of one kind, each member once, its size added to `encoding.bytes`.
 *
 * @returns `undefined` for one that DynamoDB can't hold (empty, mixed, a number too long, text that is no Unicode) or, where types are
 * exact, would give back with a member of another kind
 */
export function writeSet(set: ValueSet, encoding: Encoding): string | undefined {
  const [first] = set.members
  if (first === undefined) return undefined
  const kind = setKind(first)
  const members = new Map<string, number>()
  const merged: SetMember[] = []
  for (const member of set.members) {
    if (setKind(member) !== kind) return undefined
    if (member instanceof Uint8Array) members.set(`"${base64(member)}"`, member.byteLength)
    else if (typeof member === 'string') {
      const json = quoted(member)
      if (json === undefined) return undefined
      members.set(json, Buffer.byteLength(member))
    } else {
      const text = String(member)
      const parts = isNumberText(text) ? decimalParts(text) : undefined
      if (!parts || !fitsNumber(parts)) return undefined
      if (!keepsKind(member)) merged.push(member)
      members.set(`"${exactText(parts)}"`, numberBytes(parts))
    }
  }
  if (merged.length > 0 && encoding.rules.types === 'exact') return undefined
  for (const member of merged) encoding.tell(typeof member === 'bigint' ? 'bigint' : 'number', 'merged')
  for (const bytes of members.values()) encoding.bytes += bytes
  return `{"${kind}":[${[...members.keys()].join(',')}]}`
}

function setKind(member: SetMember): 'SS' | 'NS' | 'BS' {
  return typeof member === 'string' ? 'SS' : member instanceof Uint8Array ? 'BS' : 'NS'
}

/** The same text for equal numbers, whatever they were written like. */
function exactText({ negative, digits, point }: DecimalParts): string {
  return digits === '' ? '0' : `${negative ? '-' : ''}${digits}E${point - digits.length}`
}
