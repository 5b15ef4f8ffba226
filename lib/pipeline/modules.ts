/** Modules that a pipeline names, and pipelines that are modules: TypeScript and JavaScript, without a build step. */
import { readFileSync, readdirSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Jiti } from 'jiti'
import { closest, didYouMean } from '../config/suggest.ts'
import { DocferryError } from '../errors.ts'
import { messageOf } from './findings.ts'

/** What a module exports, by name. */
export type Exports = Readonly<Record<string, unknown>>

/** What jiti has put into the process's own cache: whoever reads a pipeline again wants the files as they are now. */
const cached = new Set<string>()

/** State with a lifetime: each module is loaded once, also where several stages are of it. */
export class ModuleLoader {
  readonly #folder: string
  readonly #cwd: string
  readonly #loaded = new Map<string, Promise<Exports>>()
  readonly #files = new Set<string>()
  #jiti: Promise<Jiti> | undefined

  /** @param folder what names of modules are relative to; `cwd` is what names in messages are relative to */
  constructor(folder: string, cwd: string) {
    this.#folder = folder
    this.#cwd = cwd
  }

  /**
   * @param name `./my-stage.ts`, an absolute path, or a package
   * @throws {DocferryError} DOCFERRY_CONFIG, with the place in the module where that is known
   */
  async load(name: string): Promise<Exports> {
    let loading = this.#loaded.get(name)
    if (!loading) this.#loaded.set(name, (loading = this.#import(name)))
    return await loading
  }

  /** Paths of what was loaded, and of what that has imported, as far as it is no package's. */
  get files(): readonly string[] {
    return [...this.#files]
  }

  async #import(name: string): Promise<Exports> {
    this.#jiti ??= createLoader(this.#folder)
    const jiti = await this.#jiti
    const path = this.#resolve(jiti, name)
    const before = new Set(Object.keys(jiti.cache))
    if (isOwnFile(path)) this.#files.add(path)
    try {
      const exported: unknown = await jiti.import(path)
      return exportsOf(exported)
    } catch (error) {
      throw new DocferryError('DOCFERRY_CONFIG', `${name} does not load: ${this.#trouble(error)}`, { cause: error })
    } finally {
      for (const key of Object.keys(jiti.cache).filter(each => !before.has(each) && !each.includes('node_modules'))) {
        cached.add(key)
        if (isOwnFile(key)) this.#files.add(key)
      }
    }
  }

  #resolve(jiti: Jiti, name: string): string {
    try {
      const found = jiti.esmResolve(name, pathToFileURL(join(this.#folder, 'pipeline')).href)
      return found.startsWith('file:') ? fileURLToPath(found) : found
    } catch (error) {
      throw new DocferryError('DOCFERRY_CONFIG', `there is no module ${name}${this.#meant(name)}`, { cause: error })
    }
  }

  #meant(name: string): string {
    const isPath = /^\.{0,2}[\\/]|^file:/.test(name) || isAbsolute(name)
    const path = isPath ? join(isAbsolute(name) ? '' : this.#folder, name) : join(this.#folder, name)
    const beside = filesOf(dirname(path))
    if (!isPath && beside.includes(basename(name))) return `; for the file beside the pipeline write ./${name}`
    const found = isPath ? closest(basename(name), beside) : undefined
    return found === undefined ? '' : ` (did you mean ${name.slice(0, -basename(name).length)}${found}?)`
  }

  /** What went wrong, and where: jiti keeps the lines of what it translates, but not the columns. */
  #trouble(error: unknown): string {
    const message = messageOf(error)
    const [, syntax, path = '', line, column] = /^ParseError: (.*?)\s*\n\s*(\S.*):(\d+):(\d+)$/s.exec(message) ?? []
    if (syntax !== undefined) return `${oneLine(syntax)} (${this.#shown(path)}:${line}:${Number(column) + 1})`
    const [, missing] = /^Cannot find (?:module|package) '([^']*)'/.exec(message) ?? []
    if (missing !== undefined) {
      const by = (error as { requireStack?: readonly string[] }).requireStack?.[0]
      return `there is no module ${missing}${by === undefined ? '' : ` (${this.#shown(by)}${lineWith(by, missing)})`}`
    }
    const frame = error instanceof Error ? /^\s+at (?:.*\()?(?:file:\/\/)?(\/.*|[A-Za-z]:\\.*?):(\d+):\d+\)?$/m : undefined
    const [, file, at] = frame?.exec((error as Error).stack ?? '') ?? []
    const place = file === undefined || file.includes('node_modules') ? '' : ` (${this.#shown(file)}:${at})`
    return `${oneLine(message)}${place}`
  }

  #shown(path: string): string {
    const short = relative(this.#cwd, path)
    return short.startsWith('..') || isAbsolute(short) ? path : short
  }
}

/** @throws {DocferryError} DOCFERRY_CONFIG where the module exports nothing of this name */
export function exportOf(exports: Exports, module: string, name = 'default'): unknown {
  const names = Object.keys(exports).filter(each => exports[each] !== undefined)
  if (names.includes(name)) return exports[name]
  const there = names.length === 0 ? 'it exports nothing' : `it exports ${names.join(', ')}`
  const what = name === 'default' ? `has no default export: write ${module}#name` : `exports no ${name}${didYouMean(name, names)}`
  throw new DocferryError('DOCFERRY_CONFIG', `${module} ${what}; ${there}`)
}

async function createLoader(folder: string): Promise<Jiti> {
  const { createJiti } = await import('jiti')
  // What a module imports as docferry must be this very copy, or its classes would be none of ours.
  const docferry = await import('../index.ts')
  const jiti = createJiti(join(folder, 'pipeline'), {
    fsCache: false,
    moduleCache: true,
    interopDefault: false,
    virtualModules: { docferry: { ...docferry } }
  })
  for (const key of cached) delete jiti.cache[key]
  cached.clear()
  return jiti
}

/** A CommonJS module may be the thing itself. */
function exportsOf(exported: unknown): Exports {
  if (typeof exported === 'function') return { ...exported, default: exported }
  return typeof exported === 'object' && exported !== null ? (exported as Exports) : { default: exported }
}

function isOwnFile(path: string): boolean {
  return isAbsolute(path) && !path.includes('node_modules')
}

function filesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    // Then there is nothing to suggest.
    return []
  }
}

function lineWith(path: string, module: string): string {
  try {
    const lines = readFileSync(path, 'utf8').split('\n')
    const index = lines.findIndex(line => line.includes(`'${module}'`) || line.includes(`"${module}"`))
    return index < 0 ? '' : `:${index + 1}`
  } catch {
    // The message is whole without it.
    return ''
  }
}

function oneLine(text: string): string {
  return text.split('\n')[0]!.trim()
}
