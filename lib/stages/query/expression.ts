/** `$expr`: mingo's own operators, on a plain view of the fields that the expression names. */
import * as accumulators from 'mingo/operators/accumulator'
import * as expressions from 'mingo/operators/expression'
import { $expr as mingoExpr } from 'mingo/operators/query'
import type { Options } from 'mingo/types'
import { isMap, setField, Timestamp } from '../../values/index.ts'
import type { Value, ValueMap } from '../../values/index.ts'
import { dateOf, plainValue, plainView } from '../plain-view.ts'

/** They run code, or give another result each time. */
const leftOut = ['$function', '$accumulator', '$rand', '$sampleRate']

export const expressionOperators = operatorsOf(expressions)
export const accumulatorOperators = operatorsOf(accumulators)
export const expressionNames: readonly string[] = [...Object.keys(expressionOperators), ...Object.keys(accumulatorOperators)]

function operatorsOf<Module extends object>(module: Module): Module {
  return Object.fromEntries(Object.entries(module).filter(([name]) => name.startsWith('$') && !leftOut.includes(name))) as Module
}

export function $expr(_: string, expression: Value, options: Options): (document: Value) => boolean {
  const names = fieldsNamedIn(expression)
  const test = mingoExpr('', plainView(expression, convert), options)
  return document => {
    try {
      return test(plainView(names ? onlyFields(document as ValueMap, names) : document, convert))
    } catch (error) {
      // Some messages quote the value.
      const told = /^\$?\w+ expression must resolve to [\w -]+$/.exec((error as Error).message)?.[0]
      throw new Error(`$expr: ${told ?? 'an operator cannot take what a field holds'}`, { cause: error })
    }
  }
}

function convert(value: Value): unknown {
  if (value instanceof Timestamp) return dateOf(value)
  return value instanceof Uint8Array ? value : plainValue(value)
}

/** The names of the top-level fields; undefined where it may look at all of them. */
export function fieldsNamedIn(expression: Value): ReadonlySet<string> | undefined {
  const names = new Set<string>()
  let all = false
  const visit = (part: Value): void => {
    if (typeof part === 'string') {
      if (part.startsWith('$$ROOT') || part.startsWith('$$CURRENT')) all = true
      else if (part.startsWith('$') && !part.startsWith('$$')) names.add(part.slice(1).split('.')[0]!)
    } else if (Array.isArray(part)) part.forEach(visit)
    else if (isMap(part)) {
      if ('$getField' in part || '$setField' in part || '$unsetField' in part) all = true
      Object.values(part).forEach(visit)
    }
  }
  visit(expression)
  return all ? undefined : names
}

function onlyFields(document: ValueMap, names: ReadonlySet<string>): ValueMap {
  const some: ValueMap = {}
  for (const name of names) if (Object.hasOwn(document, name)) setField(some, name, document[name]!)
  return some
}
