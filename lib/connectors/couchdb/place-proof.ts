/**
 * Which database it really is, by what a CouchDB says of itself: the server's `uuid`, the database's own name there (a proxy may give it another),
 * and the time when it was made, to the second.
 *
 * That time is given since 3.3; before 2.0 it was when the database was opened, to the microsecond, which serves as well. From 2.0 to 3.2 it is "0", and who
 * answers stands in its place: ids that a server makes up one after the other (`_uuids`, by the usual algorithm) begin alike as long as it runs.
 *
 * https://docs.couchdb.org/en/stable/api/database/common.html#get--db, https://github.com/apache/couchdb/pull/3901
 */
import { DocferryError } from '../../errors.ts'
import type { PlaceProof } from '../../types.ts'
import type { Client } from './client.ts'
import { whatIsTold } from './errors.ts'

/** Each running server takes 26 random hexadecimal digits, and counts on in the other 6, until they are used up. */
const sequential = /^([0-9a-f]{26})[0-9a-f]{6}$/
const tries = 2
const mostNames = 5

/** @returns undefined where the server does not tell its uuid: a service, or a proxy that hides it */
export function placeProof(client: Client): PlaceProof | undefined {
  const { uuid } = client
  if (uuid === undefined) return undefined
  const get = async (path: string, collection: string | undefined, signal: AbortSignal | undefined): Promise<Record<string, unknown>> => {
    const asked = client.asked('asking which server it is', 'DOCFERRY_CONNECT', collection)
    const told = await whatIsTold(client.json({ method: 'GET', path, asked, signal }))
    return typeof told === 'object' && told !== null ? (told as Record<string, unknown>) : {}
  }
  /** Without it, less is known: no reason to end a run. */
  const getIfAnswered = async (path: string, signal: AbortSignal | undefined): Promise<Record<string, unknown>> => {
    try {
      return await get(path, undefined, signal)
    } catch (error) {
      signal?.throwIfAborted()
      if (error instanceof DocferryError) return {}
      throw error
    }
  }
  const running = async (signal: AbortSignal | undefined): Promise<string | undefined> => {
    for (let n = 0; n < tries; n++) {
      const { uuids } = await getIfAnswered('/_uuids?count=2', signal)
      const [first, second] = Array.isArray(uuids) ? uuids.map(each => sequential.exec(String(each))?.[1]) : []
      if (first !== undefined && first === second) return first
    }
    return undefined
  }
  return {
    called: 'database',
    server: uuid,
    adviceForCopy: 'Where one server is a copy of the other, give it a uuid of its own ([couchdb] uuid in its configuration)',
    async collection(name, { signal }) {
      const { db_name: realName, instance_start_time: time } = await get(`/${encodeURIComponent(name)}`, name, signal)
      if (typeof realName !== 'string') return undefined
      const since = typeof time === 'string' && time !== '0' ? time : await running(signal)
      return since === undefined ? undefined : JSON.stringify([realName, since])
    },
    async names({ signal }) {
      // In front of the letters are the server's own, which keep their names.
      const listed: unknown = await getIfAnswered(`/_all_dbs?startkey=%22a%22&limit=${mostNames}`, signal)
      return Array.isArray(listed) ? listed.filter(name => typeof name === 'string' && !name.startsWith('_')).slice(0, mostNames) : []
    },
    /** Of a server that is alone: each node of a cluster has its own. */
    async process({ signal }) {
      const { all_nodes: seen, cluster_nodes: known } = await getIfAnswered('/_membership', signal)
      if (!Array.isArray(seen) || !Array.isArray(known) || new Set([...seen, ...known]).size !== 1) return undefined
      return await running(signal)
    }
  }
}
