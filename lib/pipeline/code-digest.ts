/** What tells whether the code that a pipeline names is still what it was. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { extname, resolve } from 'node:path'
import type { Pipeline, StageEntry } from './pipeline.ts'

const programs = /^\.[cm]?[jt]s$/

/**
 * Of the files that its stages name, and of the pipeline's own where it is a program; not of what these import.
 *
 * @returns undefined where it names none
 */
export function codeDigest({ path, folder, sources, stages, collections = [] }: Pipeline): string | undefined {
  const entries = [...sources, ...collections].flatMap(part => part.stages).concat(stages)
  const files = new Set([...(programs.test(extname(path)) ? [path] : []), ...entries.flatMap(entry => filesOf(entry, folder))])
  if (files.size === 0) return undefined
  const digest = createHash('sha256')
  for (const file of [...files].sort()) digest.update(`${file}\n`).update(contentOf(file))
  return digest.digest('hex').slice(0, 16)
}

function filesOf({ module, options }: StageEntry, folder: string): string[] {
  const name = module?.split('#')[0]
  const own = name !== undefined && /^[./]/.test(name) ? [name] : []
  const { file } = (typeof options === 'object' && options !== null ? options : {}) as { file?: unknown }
  // Of a stage that writes a file, it is another each time.
  const read = typeof file === 'string' && /\.(json|ya?ml)$/.test(file) ? [file] : []
  return [...own, ...read].map(each => resolve(folder, each))
}

/** What can't be read now is told by whoever needs it. */
function contentOf(file: string): Buffer | string {
  try {
    return readFileSync(file)
  } catch {
    return ''
  }
}
