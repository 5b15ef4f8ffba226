/** Ends that are asked for some collections alone, by a user who may not be allowed to list all. */
import type { Endpoint } from '../open.ts'

/** The end with the names of the databases that are meant, where it names none itself, and is not just a provider's name. */
export function naming(endpoint: Endpoint, databases: readonly string[] | undefined): Endpoint {
  if (databases === undefined || databases.length === 0) return endpoint
  if (typeof endpoint === 'string') {
    if (!endpoint.includes('://') || /[?&]databases=/.test(endpoint)) return endpoint
    return `${endpoint}${endpoint.includes('?') ? '&' : '?'}databases=${databases.map(encodeURIComponent).join(',')}`
  }
  const { connector, options } = endpoint
  return connector === 'couchdb' ? { connector, options: { databases, ...options } } : endpoint
}
