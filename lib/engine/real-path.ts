import { realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'

/** Where a path leads; of what does not exist yet, that of its folder with its name. */
export function realPath(path: string): string {
  const whole = resolve(path)
  try {
    return realpathSync(whole)
  } catch {
    const folder = dirname(whole)
    return folder === whole ? whole : join(realPath(folder), basename(whole))
  }
}

const standardStreams: ReadonlySet<string> = new Set(['file:stdin', 'file:stdout'])

/** Where a place of files is, by its identity. @returns undefined for other places, and for standard input and output */
export function pathOfIdentity(identity: string): string | undefined {
  return identity.startsWith('file:') && !standardStreams.has(identity) ? identity.slice('file:'.length) : undefined
}
