/**
 * Where in a document a stage works: `status`, `usage_info.usage[0].cost`, and with `*` for every member: `messages[*].content`,
 * `api_keys.*`. A name with a dot, a bracket or a star in it is quoted: `"a.b".c`.
 */
import { DocferryError } from '../errors.ts'
import type { Document, Value } from '../values/index.ts'

/** A name, an index, or `*` for every member of a map or list. */
export type Step = string | number | typeof every
export const every = Symbol('*')

export type FieldPath = readonly Step[]

const quoted = String.raw`"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"`
const plain = String.raw`[^."[\]]+`
const token = new RegExp(String.raw`(${quoted})|\[(\d+|\*)\]|(${plain})`, 'y')

const name = String.raw`(?:${quoted}|(?!\*(?:[.[]|$))${plain})`

/** What `parsePath` takes, for a schema; and the same without `*`: one place. */
export const pathPattern = String.raw`^${name}(?:\.(?:${name}|\*)|\[(?:\d+|\*)\])*$`
export const placePattern = String.raw`^${name}(?:\.${name}|\[\d+\])*$`

/** @throws {DocferryError} DOCFERRY_CONFIG, with the place of what is wrong */
export function parsePath(text: string): FieldPath {
  const steps: Step[] = []
  let at = 0
  while (at < text.length) {
    if (steps.length > 0 && text[at] !== '[') {
      if (text[at] !== '.') throw badPath(text, at)
      at++
    }
    token.lastIndex = at
    const match = token.exec(text)
    if (!match || (match[2] !== undefined && steps.length === 0)) throw badPath(text, at)
    const [whole, quoted, index, name] = match
    if (quoted !== undefined) steps.push(JSON.parse(quoted) as string)
    else if (index !== undefined) steps.push(index === '*' ? every : Number(index))
    else steps.push(name === '*' ? every : name!)
    at += whole.length
  }
  if (steps.length === 0 || steps[0] === every) throw badPath(text, 0)
  return steps
}

/** The path as `parsePath` reads it. */
export function formatPath(path: FieldPath): string {
  return path
    .map((step, index) => {
      if (typeof step === 'number') return `[${step}]`
      const name = step === every ? '*' : /^[^."[\]*]+$/.test(step) ? step : JSON.stringify(step)
      return index === 0 ? name : `.${name}`
    })
    .join('')
}

/** The top-level fields that paths lead to. */
export function fieldsOf(paths: Iterable<FieldPath>): string[] {
  return [...new Set(Array.from(paths, path => path[0] as string))]
}

/** All that a path leads to, in the document's order. What is not there is left out. */
export function* valuesAt(document: Document, path: FieldPath): Generator<Value> {
  yield* valuesIn(document, path, 0)
}

function* valuesIn(holder: Value, path: FieldPath, depth: number): Generator<Value> {
  for (const key of keysOf(holder, path[depth]!)) {
    const value = (holder as Record<string | number, Value>)[key]
    if (value === undefined) continue
    if (depth === path.length - 1) yield value
    else yield* valuesIn(value, path, depth + 1)
  }
}

function keysOf(holder: Value, step: Step): readonly (string | number)[] {
  if (Array.isArray(holder)) {
    if (step === every) return [...holder.keys()]
    return typeof step === 'number' && step < holder.length ? [step] : []
  }
  if (!isMap(holder)) return []
  if (step === every) return Object.keys(holder)
  return typeof step === 'string' && Object.hasOwn(holder, step) ? [step] : []
}

/** The first value that a path leads to. */
export function valueAt(document: Document, path: FieldPath): Value | undefined {
  for (const value of valuesAt(document, path)) return value
  return undefined
}

/** Whether a value is a map: fields of a document, and no value of a class such as `Timestamp`. */
export function isMap(value: Value | undefined): value is { [key: string]: Value } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function badPath(text: string, at: number): DocferryError {
  const empty = text === '' ? `; the empty name is two quotes, in JSON ${JSON.stringify('""')}` : ''
  return new DocferryError(
    'DOCFERRY_CONFIG',
    `"${text}" is no path to a field (character ${at + 1}): write a.b, list[0], list[*].name, map.*, or "quoted.name".b${empty}`
  )
}
