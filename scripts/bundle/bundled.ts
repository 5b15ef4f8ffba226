/**
 * The modules of `dist/bundle`, loaded with what V8 has compiled of them before (`NAME.code`), for most of a start goes into parsing and compiling.
 * V8 takes only the code that it, in this version and with these flags, would make itself; otherwise it compiles them anew. Made into a file of its own by
 * `scripts/bundle`, which each entry of the package requires, so that the command line, and the package where a stage of a user's own imports it, are of the same modules.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Script } from 'node:vm'

type Exports = Record<string, unknown>

/** @param metaUrl what import.meta.url would be */
type Body = (exports: Exports, require: NodeJS.Require, loadBundled: typeof load, importModule: typeof importAny, metaUrl: string) => void

/** What modules are called in stacks: V8 keeps it with the code, so that it must not be where the package was built. `lib/cli/user-code.ts` knows it. */
export const calledFolder = 'docferry/dist/bundle/'

/** Code is kept behind hashes of the module's text and of itself: V8 looks at neither, and would end the process over code that is spoilt. */
const headLength = 64

const require = createRequire(import.meta.url)
const folder = import.meta.dirname
const home = pathToFileURL(join(folder, '/')).href
const loaded = new Map<string, Exports>()

/** @param name of a file beside this one */
export function load(name: string): Exports {
  const known = loaded.get(name)
  if (known) return known
  const exports: Exports = {}
  const body = compile(join(folder, name)).runInThisContext() as Body
  loaded.set(name, exports)
  try {
    body(exports, require, load, importAny, home + name)
  } catch (error) {
    loaded.delete(name)
    throw error
  }
  return exports
}

/** @param filename of a module of the bundle */
export function compile(filename: string): Script {
  const text = readFileSync(filename)
  // Of ASCII only, and in one piece: one string, where decoding and putting together would make three.
  return new Script(text.toString('latin1'), { filename: calledFolder + basename(filename), cachedData: codeOf(filename, text) })
}

/** What stands before code that is kept. @param text of the module */
export function headOfCode(text: Uint8Array, code: Uint8Array): Uint8Array {
  return Buffer.concat([hashOf(text), hashOf(code)])
}

function codeOf(filename: string, text: Uint8Array): Buffer | undefined {
  try {
    const file = readFileSync(`${filename}.code`)
    const code = file.subarray(headLength)
    return file.subarray(0, headLength).equals(headOfCode(text, code)) ? code : undefined
  } catch {
    return undefined
  }
}

function hashOf(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

/** Code that is kept has no import() of its own: Node knows no more whose it is. */
function importAny(from: string): Promise<unknown> {
  return import(from)
}
