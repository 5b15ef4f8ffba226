/** A pipeline written in TypeScript or JavaScript. It has no places: what is wrong is told by its path. */
import { DocferryError, describeError } from '../errors.ts'
import { setField } from '../values/index.ts'
import type { ValueMap } from '../values/index.ts'
import { isStageExport } from './define-stage.ts'
import { interpolate } from './interpolate.ts'
import type { Surroundings } from './interpolate.ts'
import type { ModuleLoader } from './modules.ts'
import { Paths, Places } from './tree.ts'
import type { Finding, Path, Tree } from './tree.ts'

/** @param path of the file, absolute */
export async function readProgram(path: string, name: string, surroundings: Surroundings, modules: ModuleLoader): Promise<Tree> {
  const findings: Finding[] = []
  const unknown = new Paths()
  const tree = (value: unknown): Tree => ({ value, places: new Places(), findings, unknown })
  let written: unknown
  try {
    written = (await modules.load(path))['default']
    if (written === undefined)
      throw new DocferryError('DOCFERRY_CONFIG', `has no default export: write export default { source, target, stages }`)
    if (typeof written === 'function') written = await (written as (environment: object) => unknown)(surroundings.environment)
  } catch (error) {
    const message = error instanceof DocferryError ? error.message.replaceAll(path, name) : `its function failed: ${describeError(error)}`
    findings.push({ path: [], message })
    return tree(undefined)
  }
  return tree(copy(written, [], new Set()))

  function copy(value: unknown, at: Path, above: ReadonlySet<unknown>): unknown {
    if (typeof value === 'string') return textOf(value, at)
    if (!Array.isArray(value) && !isPlain(value)) return value
    if (above.has(value)) return fail(at, 'holds itself')
    const inside = new Set([...above, value])
    if (Array.isArray(value)) return value.map((item, index) => copy(item, [...at, index], inside))
    const result: ValueMap = {}
    for (const [key, field] of Object.entries(value)) {
      if (field !== undefined) setField(result, key, copy(field, [...at, key], inside) as never)
    }
    return result
  }

  function textOf(value: string, at: Path): string {
    const { text, troubles } = interpolate(value, surroundings)
    troubles.forEach(trouble => fail(at, trouble))
    return text
  }

  function fail(at: Path, message: string): undefined {
    findings.push({ path: at, message })
    unknown.add(at)
  }
}

/** Fields and nothing else: values of classes, functions and stages are left as they are. */
function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || isStageExport(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null
}
