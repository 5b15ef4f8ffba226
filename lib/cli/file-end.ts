/** The file that `import` reads or `export` writes: a path, or an address with options of its own, beside which there are flags. */
import { isStandardPath } from '../config/endpoint.ts'
import type { Endpoint } from '../index.ts'

export interface FileEnd {
  readonly end: Endpoint
  /** Whether it is this process's own standard input or output. */
  readonly isStandard: boolean
}

/**
 * @param given `backup.ndjson`, `-`, `file:backup.csv?format=ndjson`; of a path without `file:` a question mark is a part
 * @param flags as the connector names them; they win over the address
 */
export function fileEnd(given: string, flags: Readonly<Record<string, string | boolean | undefined>>): FileEnd {
  const [, address] = /^file:(.*)$/is.exec(given) ?? []
  if (address === undefined) {
    const isStandard = isStandardPath(given)
    return { end: { connector: 'file', options: { path: isStandard ? '-' : given, ...flags } }, isStandard }
  }
  const mark = address.indexOf('?')
  const path = mark === -1 ? address : address.slice(0, mark)
  const query = new URLSearchParams(mark === -1 ? '' : address.slice(mark + 1))
  for (const [name, value] of Object.entries(flags)) if (value !== undefined) query.set(name, String(value))
  const isStandard = isStandardPath(path.replace(/^\/\/(?=\/)/, ''))
  return { end: `file:${isStandard ? '-' : path}${query.size > 0 ? `?${query.toString()}` : ''}`, isStandard }
}
