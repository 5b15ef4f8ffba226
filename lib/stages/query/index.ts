/** Queries in MongoDB's language. mingo reads and joins them and has `$expr`; the operators on fields are docferry's, for its values. */
import { Context } from 'mingo/core'
import { Query } from 'mingo/query'
import { $and, $nor, $not, $or } from 'mingo/operators/query'
import { DocferryError } from '../../errors.ts'
import { Decimal, decodeEnvelopes, isMap, Timestamp } from '../../values/index.ts'
import type { Document, Value } from '../../values/index.ts'
import { queryIssues } from './check.ts'
import { $expr, accumulatorOperators, expressionOperators, fieldsNamedIn } from './expression.ts'
import { queryOperators } from './operators.ts'

/** As a pipeline holds it: plain JSON with envelopes, or in code also `Date`, `RegExp` and docferry's classes. */
export type QueryOptions = { readonly [field: string]: unknown }

/**
 * @param place stands before the place of each issue: `where.`
 * @throws {DocferryError} DOCFERRY_CONFIG, with every issue
 */
export function compileQuery(options: QueryOptions, place = ''): (document: Document) => boolean {
  const query = changed(decodeEnvelopes(changed(options, timestampOf) as Value), decimalOf) as Value
  const issues = queryIssues(query)
  if (issues.length > 0) throw new DocferryError('DOCFERRY_CONFIG', issues.map(issue => place + issue).join('; '))
  const compiled = new Query<Document>(query as object, { context, scriptEnabled: false })
  return document => compiled.test(document)
}

/** The top-level fields that a query names; undefined where it may look at all of them. */
export function fieldsOfQuery(options: QueryOptions): readonly string[] | undefined {
  const parts = Object.entries(options).map(([name, condition]) => {
    if (name === '$and' || name === '$or' || name === '$nor') {
      const lists = (condition as readonly QueryOptions[]).map(fieldsOfQuery)
      return lists.includes(undefined) ? undefined : lists.flatMap(list => list!)
    }
    if (name === '$expr') {
      const names = fieldsNamedIn(condition as Value)
      return names && [...names]
    }
    return name.startsWith('$') ? undefined : [name.split('.')[0]!]
  })
  return parts.includes(undefined) ? undefined : [...new Set(parts.flatMap(part => part!))]
}

const context = Context.init({
  query: { ...queryOperators, $and, $nor, $not, $or, $expr } as never,
  expression: expressionOperators,
  accumulator: accumulatorOperators
})

/** A copy in which `change` has replaced what it knows. */
function changed(value: unknown, change: (value: unknown) => unknown): unknown {
  const other = change(value)
  if (other !== undefined) return other
  if (Array.isArray(value)) return value.map(member => changed(member, change))
  if (!isMap(value as Value)) return value
  return Object.fromEntries(Object.entries(value as object).map(([key, member]) => [key, changed(member, change)]))
}

function timestampOf(value: unknown): Timestamp | undefined {
  if (!(value instanceof Date)) return undefined
  const seconds = Math.floor(value.getTime() / 1000)
  return new Timestamp(seconds, (value.getTime() - seconds * 1000) * 1e6)
}

/** An equal number: mingo writes a query as JSON, where a bigint has no form. */
function decimalOf(value: unknown): Decimal | undefined {
  return typeof value === 'bigint' ? new Decimal(String(value)) : undefined
}
