/**
 * JSONata computes with JavaScript's numbers, which don't tell 1.0 from 1. A document goes in with plain numbers, and what comes out unchanged
 * gets its doubles back: in the same field, in a map or list that was passed on as a whole, and in a field that is made of one field.
 */
import type jsonata from 'jsonata'
import { Double, isMap, kindOf, maxDepth, setField, tooDeep } from '../../values/index.ts'
import type { Document, Value, ValueMap } from '../../values/index.ts'

export interface NumberView {
  readonly input: Value
  /** Of each map and list in it that is a copy, what it was copied of. */
  readonly originals: ReadonlyMap<unknown, Value>
}

const none: ReadonlyMap<unknown, Value> = new Map()

/** The document itself where it holds no `Double`. */
export function numberView(document: Document): NumberView {
  const originals = new Map<unknown, Value>()
  const input = view(document, originals, 0)
  return { input, originals: input === document ? none : originals }
}

function view(value: Value, originals: Map<unknown, Value>, depth: number): Value {
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Double) return value.value
  if (depth > maxDepth) throw tooDeep()
  let copy: Value[] | ValueMap | undefined
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const member = view(value[index]!, originals, depth + 1)
      if (member !== value[index]) (copy ??= [...value])[index as never] = member as never
    }
  } else if (isMap(value)) {
    for (const key of Object.keys(value)) {
      const field = view(value[key]!, originals, depth + 1)
      if (field !== value[key]) setField((copy ??= { ...value }) as ValueMap, key, field)
    }
  }
  if (copy) originals.set(copy, value)
  return copy ?? value
}

/** For an expression that makes a map: its fields that are made of one field of the document, with the names that lead to that. */
export function passedOnFields(ast: jsonata.ExprNode): ReadonlyMap<string, readonly string[]> {
  const fields = new Map<string, readonly string[]>()
  if (!isConstructor(ast)) return fields
  for (const [key, { type, steps = [] }] of pairsOf(ast)) {
    const isPlain =
      (type as string) === 'path' && steps.every(step => step.type === 'name' && step.stages === undefined && !('predicate' in step))
    if (key.type === 'string' && isPlain)
      fields.set(
        key.value as string,
        steps.map(step => step.value as string)
      )
  }
  return fields
}

/** Whether it is written `{ ... }`. */
export function isConstructor(ast: jsonata.ExprNode): boolean {
  return ast.type === 'unary' && (ast.value as unknown) === '{' && !('group' in ast)
}

/** Of a constructor: keys and values. */
export function pairsOf(ast: jsonata.ExprNode): readonly [key: jsonata.ExprNode, value: jsonata.ExprNode][] {
  return ast.lhs as [jsonata.ExprNode, jsonata.ExprNode][]
}

/**
 * A copy of what an expression gave, as values: it shares nothing with the document, nor one part of it with another.
 *
 * @param original what stood at the same place in the document
 * @throws {Error} for what is no value: a function
 */
export function copyResult(value: Value, original: Value | undefined, originals: NumberView['originals'], depth = 0): Value {
  if (typeof value === 'number') return original instanceof Double && original.value === value ? original : value
  if (typeof value !== 'object' || value === null) {
    if (typeof value === 'function') throw new Error('the expression gives a function')
    return value
  }
  if (depth > maxDepth) throw tooDeep()
  const before = originals.get(value) ?? original
  if (Array.isArray(value)) {
    const list = Array.isArray(before) ? before : undefined
    return Array.from(value, (member, index) => copyResult(member, list?.[index], originals, depth + 1))
  }
  if (!isMap(value)) {
    kindOf(value)
    return value
  }
  if (Object.hasOwn(value, '_jsonata_lambda') || Object.hasOwn(value, '_jsonata_function'))
    throw new Error('the expression gives a function')
  const fields = isMap(before) ? before : undefined
  const copy: ValueMap = {}
  for (const key of Object.keys(value)) {
    if (value[key] === undefined) continue
    const inside = fields && Object.hasOwn(fields, key) ? fields[key] : undefined
    setField(copy, key, copyResult(value[key], inside, originals, depth + 1))
  }
  return copy
}
