import { readFileSync } from 'node:fs'
import { DocferryError } from '../errors.ts'

/** docferry's own, from the nearest package.json above, wherever the compiled files are. */
export function docferryVersion(): string {
  for (const path of ['../../package.json', '../../../package.json']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as { name?: string; version?: string }
      if (name === 'docferry' && version !== undefined) return version
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  throw new DocferryError('DOCFERRY_BUG', 'the package.json of docferry is missing')
}
