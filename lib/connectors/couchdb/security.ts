/** The `_security` object of a database: https://docs.couchdb.org/en/stable/api/database/security.html */
import { DocferryError } from '../../errors.ts'
import type { Json, SecurityObject, TargetSecurity } from '../../types.ts'
import { parseObject } from './answers.ts'
import type { Client } from './client.ts'
import { AnswerError, brokenAnswer } from './errors.ts'

/** @returns undefined where there is no such database */
export async function readSecurity(
  client: Client,
  database: string,
  refused: 'DOCFERRY_READ' | 'DOCFERRY_TARGET',
  signal?: AbortSignal
): Promise<SecurityObject | undefined> {
  const asked = client.asked(`reading who may use ${database}`, refused, database)
  try {
    const found = await client.json({ method: 'GET', path: pathOf(database), asked, signal })
    if (typeof found !== 'object' || found === null || Array.isArray(found)) throw brokenAnswer(asked, 'is no object')
    return found as SecurityObject
  } catch (error) {
    if (error instanceof AnswerError && error.answer.status === 404) return undefined
    throw error
  }
}

export function targetSecurity(client: Client): TargetSecurity {
  return {
    when: 'last',
    get: (collection, { signal }) => readSecurity(client, collection, 'DOCFERRY_TARGET', signal),
    async put(collection, security, { signal }) {
      const asked = client.asked(`setting who may use ${collection}`, 'DOCFERRY_TARGET', collection)
      await client.text({ method: 'PUT', path: pathOf(collection), body: JSON.stringify(security), asked, signal })
    },
    async check(collections, { signal }) {
      const asked = client.asked('asking what this user may do', 'DOCFERRY_TARGET')
      const { name = null, roles = [] } = (parseObject(await client.text({ method: 'GET', path: '/_session', asked, signal }))?.[
        'userCtx'
      ] ?? {}) as { name?: string | null; roles?: readonly string[] }
      if (roles.includes('_admin')) return
      for (const collection of collections) {
        const held = await readSecurity(client, collection, 'DOCFERRY_TARGET', signal)
        const { names, roles: ofAdmins } = listsOf(held?.['admins'])
        // Without a database, making one takes an admin too.
        if (held && !(name !== null && names.includes(name)) && !roles.some(role => ofAdmins.includes(role)))
          throw new DocferryError(
            'DOCFERRY_PERMISSION',
            `setting the _security of ${collection} takes an admin of it or of the server, which this user is not: use another, or leave --include-security away`,
            { provider: 'couchdb', collection }
          )
      }
    }
  }
}

function pathOf(database: string): string {
  return `/${encodeURIComponent(database)}/_security`
}

function listsOf(group: Json | undefined): { readonly names: readonly Json[]; readonly roles: readonly Json[] } {
  const { names, roles } = (typeof group === 'object' && group !== null ? group : {}) as { readonly names?: Json; readonly roles?: Json }
  return { names: Array.isArray(names) ? (names as Json[]) : [], roles: Array.isArray(roles) ? (roles as Json[]) : [] }
}
