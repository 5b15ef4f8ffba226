/** Whether the ends count what is to be bounded. */
import { DocferryError } from '../errors.ts'
import type { Source, Target } from '../types.ts'
import type { Bounds } from './bounds.ts'

interface Ends {
  readonly source?: Source
  readonly target: Target
}

/** @throws {DocferryError} DOCFERRY_CONFIG where units are to be bounded that an end does not count */
export function checkUnits({ source, target }: Ends, { maxReadUnits, maxWriteUnits }: Bounds): void {
  const issues: string[] = []
  const issue = (flag: string, end: string, { provider }: Source['location'], instead: string): void =>
    void issues.push(`${flag}: the ${end} is ${provider}, which has no such units${instead}`)
  if (source && maxReadUnits !== undefined && source.usage?.().readUnits === undefined) issue('--max-rcu', 'source', source.location, '')
  if (maxWriteUnits !== undefined && target.usage?.([], { onConflict: 'skip', fresh: false }).writeUnits === undefined)
    issue('--max-wcu', 'target', target.location, '; --max-rate bounds documents a second')
  if (issues.length > 0) throw new DocferryError('DOCFERRY_CONFIG', issues.join('; '))
}
