/** Has the source itself read a selector, before anything is asked by it. */
import { DocferryError } from '../../errors.ts'
import type { Json } from '../../types.ts'
import type { Client } from './client.ts'
import { AnswerError } from './errors.ts'
import { isObject } from './replication-documents.ts'
import { changesOf } from './replication-revisions.ts'

/** @throws {DocferryError} DOCFERRY_CONFIG, with the place */
export async function checkSelector(
  client: Client,
  database: string,
  selector: { readonly [key: string]: Json },
  signal?: AbortSignal
): Promise<void> {
  try {
    await changesOf(client, database, { filter: { selector }, since: 'now', limit: 1, signal })
  } catch (error) {
    if (!(error instanceof AnswerError) || error.answer.status !== 400) throw error
    const { reason = 'the source refuses it' } = error.answer
    const operator = /\$\w+/.exec(reason)?.[0]
    const place = operator === undefined ? undefined : placeOf(selector, operator)
    const where = place === undefined ? '' : ` at ${place.join('.')}`
    const message = `selector${where}: ${reason}; operators: https://docs.couchdb.org/en/stable/api/database/find.html#selector-syntax`
    throw new DocferryError('DOCFERRY_CONFIG', message, { provider: 'couchdb' })
  }
}

/** Names of fields and places in lists, down to the first that is called so. */
function placeOf(value: unknown, name: string): readonly string[] | undefined {
  const members = Array.isArray(value)
    ? value.map((member, index) => [String(index), member] as const)
    : isObject(value)
      ? Object.entries(value)
      : []
  for (const [key, member] of members) {
    if (key === name) return [key]
    const below = placeOf(member, name)
    if (below) return [key, ...below]
  }
  return undefined
}
