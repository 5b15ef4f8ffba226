/** The ends of a pipeline, as far as they can be checked without opening one. */
import { parseEndpoint } from '../config/endpoint.ts'
import { realPath } from '../engine/real-path.ts'
import { DocferryError } from '../errors.ts'
import { loadConnector } from '../registry.ts'
import type { Environment } from '../types.ts'
import type { DraftEnd } from './draft.ts'
import type { Findings } from './findings.ts'

/** Check each address, and by whom it would be opened; also gives a name to those that have none. */
export async function checkEnds(ends: readonly DraftEnd[], environment: Environment, findings: Findings): Promise<void> {
  for (const end of ends) if (end.address !== undefined) await checkAddress(end, end.address, environment, findings)
  const taken = new Set<string>()
  for (const end of ends.filter(({ isNamed }) => isNamed)) {
    if (taken.has(end.name))
      findings.add([...end.path, 'name'], `there is a ${end.path[0] === 'targets' ? 'target' : 'source'} ${end.name} already`)
    taken.add(end.name)
  }
  for (const end of ends.filter(({ isNamed }) => !isNamed)) {
    end.name = freeName(end.provider ?? 'unknown', taken)
    taken.add(end.name)
  }
}

async function checkAddress(end: DraftEnd, address: string, environment: Environment, findings: Findings): Promise<void> {
  try {
    const { connector: name, text } = parseEndpoint(address, 'this')
    end.provider = name
    const connector = await loadConnector(name)
    const configured = connector.configure(text, environment)
    const path = name === 'file' || name === 'memory' ? pathOf(configured) : undefined
    end.place = path === undefined || path === '-' ? address.trim() : realPath(path)
    connector.checkEnd?.(configured, String(end.path[0]).startsWith('source') ? 'source' : 'target')
  } catch (error) {
    if (!(error instanceof DocferryError)) throw error
    // A connector may have several issues, one a line.
    for (const message of error.message.split('\n')) findings.add(end.addressPath, message.replace(/^this: /, ''))
  }
}

/** Of the file that documents are in: the file connector's `path`, the memory connector's `snapshot`. */
function pathOf(configured: unknown): string | undefined {
  const { path, snapshot } = configured as { readonly path?: unknown; readonly snapshot?: unknown }
  return [path, snapshot].find(each => typeof each === 'string')
}

function freeName(wanted: string, taken: ReadonlySet<string>): string {
  for (let count = 1; ; count++) {
    const name = count === 1 ? wanted : `${wanted}-${count}`
    if (!taken.has(name)) return name
  }
}
