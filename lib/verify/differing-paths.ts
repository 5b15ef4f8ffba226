/** Where two documents differ. */
import { isMap } from '../values/kinds.ts'
import { canonicalBytes, documentDigests, pathText, stringifyJson } from '../values/index.ts'
import type { Document, Value } from '../values/index.ts'
import type { DifferingValue } from './report.ts'

export interface Differing {
  readonly paths: readonly string[]
  readonly values?: readonly DifferingValue[]
}

export interface DifferingOptions {
  /** Whether 1 and 1.0 are different. */
  readonly kinds: boolean
  readonly values: boolean
}

/** A document that differs everywhere is told by the first. */
const mostPaths = 50
/** Most characters of a value. */
const mostText = 1_000

export function differingPaths(source: Document, target: Document, { kinds, values }: DifferingOptions): Differing {
  const found: DifferingValue[] = []
  const path: (string | number)[] = []
  const isFull = (): boolean => found.length >= mostPaths

  const step = (key: string | number, a: Value | undefined, b: Value | undefined): void => {
    path.push(key)
    compare(a, b)
    path.pop()
  }
  const compare = (a: Value | undefined, b: Value | undefined): void => {
    if (isFull() || (a !== undefined && b !== undefined && isSame(a, b, kinds))) return
    if (isMap(a) && isMap(b)) {
      for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
        const [left, right] = [own(a, key), own(b, key)]
        if (left !== undefined || right !== undefined) step(key, left, right)
      }
    } else if (Array.isArray(a) && Array.isArray(b)) {
      for (let index = 0; index < Math.max(a.length, b.length) && !isFull(); index++) step(index, a[index], b[index])
    } else {
      found.push({ path: pathText(path), ...(a !== undefined && { source: shown(a) }), ...(b !== undefined && { target: shown(b) }) })
    }
  }
  compare(source, target)
  return { paths: found.map(({ path: where }) => where), ...(values && { values: found }) }
}

function own(map: Readonly<Record<string, Value>>, key: string): Value | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined
}

function isSame(a: Value, b: Value, kinds: boolean): boolean {
  if (a === b && typeof a !== 'number') return true
  const [left, right] = [
    { _id: '', value: a },
    { _id: '', value: b }
  ]
  if (Buffer.compare(canonicalBytes(left), canonicalBytes(right)) !== 0) return false
  if (!kinds) return true
  const [leftKinds, rightKinds] = [documentDigests(left).kinds, documentDigests(right).kinds]
  return Buffer.compare(leftKinds ?? Buffer.alloc(0), rightKinds ?? Buffer.alloc(0)) === 0
}

function shown(value: Value): string {
  const text = stringifyJson(value)
  return text.length > mostText ? `${text.slice(0, mostText)}... (${text.length} characters)` : text
}
