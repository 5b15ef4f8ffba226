/** `${NAME}`, `${NAME:-default}` and `${file:path}` in a text. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { didYouMean } from '../config/suggest.ts'
import type { Environment } from '../types.ts'
import { looksSecret } from './secrets.ts'
import type { Secrets } from './secrets.ts'

export interface Surroundings {
  readonly environment: Environment
  /** Files are relative to it. */
  readonly folder: string
  /** Takes what must not be shown. */
  readonly secrets: Secrets
  /** Takes the paths of the files that are read. */
  readonly files: Set<string>
}

export interface Interpolated {
  readonly text: string
  /** Whether there was anything to put in. */
  readonly changed: boolean
  /** What could not be put in, and why; the text is then of no use. */
  readonly troubles: readonly string[]
}

const pattern = /\$\$\{|\$\{([^{}]*)\}|\$\{/g
const howTo = 'write ${NAME}, ${NAME:-default} or ${file:path}, and $${ for a literal ${'

/** What is put in is not looked at again. `$${` stands for `${`. */
export function interpolate(text: string, surroundings: Surroundings): Interpolated {
  if (!text.includes('${')) return { text, changed: false, troubles: [] }
  const troubles: string[] = []
  let changed = false
  const result = text.replace(pattern, (whole, inner: string | undefined) => {
    if (whole === '$${') return '${'
    changed = true
    const found = inner === undefined ? { trouble: `\${ has no } behind it; ${howTo}` } : valueOf(inner, surroundings)
    if ('text' in found) return found.text
    troubles.push(found.trouble)
    return whole
  })
  return { text: result, changed, troubles }
}

type Found = { readonly text: string } | { readonly trouble: string }

function valueOf(inner: string, surroundings: Surroundings): Found {
  const path = /^file:(.+)$/s.exec(inner)?.[1]
  if (path !== undefined) return textOf(path.trim(), surroundings)
  const [, name, fallback] = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(inner) ?? []
  if (name === undefined) return { trouble: `\${${inner}} names no variable; ${howTo}` }
  const { environment, secrets } = surroundings
  const value = Object.hasOwn(environment, name) ? environment[name] : undefined
  if (value !== undefined && (value !== '' || fallback === undefined)) {
    if (looksSecret(name)) secrets.add(value)
    return { text: value }
  }
  if (fallback !== undefined) return { text: fallback }
  const meant = didYouMean(name, Object.keys(environment))
  return { trouble: `the variable ${name} is not set${meant}; set it, or write \${${name}:-default}` }
}

function textOf(path: string, { folder, secrets, files }: Surroundings): Found {
  const whole = resolve(folder, path)
  files.add(whole)
  try {
    const text = readFileSync(whole, 'utf8')
      .replace(/^\uFEFF/, '')
      .replace(/\r?\n$/, '')
    secrets.add(text)
    return { text }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error)
    return { trouble: `the file ${path} can't be read (${code}); it is looked for beside the pipeline` }
  }
}
