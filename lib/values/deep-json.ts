/** JSON text of values at any depth, for what has to be kept although nothing takes it: without a call for each level, whatever holds. */
import { DocferryError } from '../errors.ts'
import { looksLikeEnvelope } from './envelope.ts'
import { isMap, type ValueMap } from './kinds.ts'
import { isOrdinary, stringifyJson } from './stringify.ts'
import type { Value } from './types.ts'

export interface DeepStyle {
  /** Write maps that look like envelopes as they are: of a text whose envelopes were not decoded. */
  readonly bareMaps?: boolean
}

/**
 * What `stringifyJson` gives, and the same of maps and arrays that it refuses as nested too deeply.
 *
 * @throws {DocferryError} DOCFERRY_BAD_VALUE for what is no value, and for what holds itself
 */
export function stringifyDeep(value: Value, style: DeepStyle = {}): string {
  return isOrdinary(value) ? JSON.stringify(value) : writeDeep(value, style)
}

/** A map or an array of which a part is written. */
interface Open {
  readonly holder: Value[] | ValueMap
  /** Of a map. */
  readonly keys: readonly string[] | undefined
  readonly end: string
  next: number
}

function writeDeep(root: Value, { bareMaps = false }: DeepStyle): string {
  const parts: string[] = []
  const open: Open[] = []
  const holders = new Set<object>()
  const write = (value: Value): void => {
    if (!Array.isArray(value) && !isMap(value)) return void parts.push(stringifyJson(value))
    if (holders.has(value)) throw new DocferryError('DOCFERRY_BAD_VALUE', 'a document holds itself, which no text can tell')
    holders.add(value)
    const isEscaped = isMap(value) && !bareMaps && looksLikeEnvelope(value)
    const keys = isMap(value) ? Object.keys(value).filter(key => value[key] !== undefined) : undefined
    parts.push(`${isEscaped ? '{"$literal":' : ''}${keys ? '{' : '['}`)
    open.push({ holder: value, keys, end: `${keys ? '}' : ']'}${isEscaped ? '}' : ''}`, next: 0 })
  }
  write(root)
  for (let last = open.at(-1); last; last = open.at(-1)) {
    const { holder, keys } = last
    const index = last.next++
    if (index === (keys ?? (holder as Value[])).length) {
      parts.push(last.end)
      holders.delete(holder)
      open.pop()
      continue
    }
    const key = keys?.[index]
    parts.push(`${index > 0 ? ',' : ''}${key === undefined ? '' : `${JSON.stringify(key)}:`}`)
    write(key === undefined ? (holder as Value[])[index]! : (holder as ValueMap)[key]!)
  }
  return parts.join('')
}
