/** Queries in MongoDB's language. mingo reads and joins them and has `$expr`; the operators on fields are docferry's, for its values. */
import { Context } from 'mingo/core'
import { Query } from 'mingo/query'
import { $and, $nor, $not, $or } from 'mingo/operators/query'
import { DocferryError } from '../../errors.ts'
import { decodeEnvelopes, isMap, Timestamp } from '../../values/index.ts'
import type { Document, Value } from '../../values/index.ts'
import { queryIssues } from './check.ts'
import { $expr, accumulatorOperators, expressionOperators } from './expression.ts'
import { queryOperators } from './operators.ts'

/** As a pipeline holds it: plain JSON with envelopes, or in code also `Date`, `RegExp` and docferry's classes. */
export type QueryOptions = { readonly [field: string]: unknown }

/**
 * @param place stands before the place of each issue: `where.`
 * @throws {DocferryError} DOCFERRY_CONFIG, with every issue
 */
export function compileQuery(options: QueryOptions, place = ''): (document: Document) => boolean {
  const query = decodeEnvelopes(withTimestamps(options) as Value)
  const issues = queryIssues(query)
  if (issues.length > 0) throw new DocferryError('DOCFERRY_CONFIG', issues.map(issue => place + issue).join('; '))
  const compiled = new Query<Document>(query as object, { context, scriptEnabled: false })
  return document => compiled.test(document)
}

const context = Context.init({
  query: { ...queryOperators, $and, $nor, $not, $or, $expr } as never,
  expression: expressionOperators,
  accumulator: accumulatorOperators
})

function withTimestamps(value: unknown): unknown {
  if (value instanceof Date) {
    const seconds = Math.floor(value.getTime() / 1000)
    return new Timestamp(seconds, (value.getTime() - seconds * 1000) * 1e6)
  }
  if (Array.isArray(value)) return value.map(withTimestamps)
  if (!isMap(value as Value)) return value
  return Object.fromEntries(Object.entries(value as object).map(([key, member]) => [key, withTimestamps(member)]))
}
