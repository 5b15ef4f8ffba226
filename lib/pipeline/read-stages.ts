/** The lists of stages in a file, as entries; what is wrong with the form of one is told, and that part of it is left out. */
import { didYouMean } from '../config/suggest.ts'
import { stageSpecs } from '../registry.ts'
import type { OnStageError } from '../types.ts'
import { exportTrouble, isStageExport } from './define-stage.ts'
import type { Findings } from './findings.ts'
import type { StageEntry } from './pipeline.ts'
import { moduleKeys, stageKeys } from './sections.ts'
import type { Path } from './tree.ts'

/** An entry, and where it stands. */
export interface PlacedEntry {
  readonly entry: StageEntry
  readonly path: Path
  /** The key that names the stage; missing for a function that stands in the list itself. */
  readonly key?: string
}

/** Names that can stand for a stage, in the order in which they are listed. */
export const stageNames = (): readonly string[] => [...Object.keys(stageSpecs), 'module']

const entrySchema = { type: 'object', properties: stageKeys }
const moduleSchema = { type: 'object', properties: { module: moduleKeys['module'] } }

/** @param file as places name it */
export function readStages(value: unknown, path: Path, findings: Findings, file: string): PlacedEntry[] {
  if (value === undefined || value === null || findings.isUnknown(path)) return []
  if (!Array.isArray(value)) {
    findings.add(path, 'must be a list of stages, each behind a - of its own: - strip: [password]')
    return []
  }
  return value.flatMap((item: unknown, index) => {
    const found = readStage(item, [...path, index], findings, file)
    return found ? [found] : []
  })
}

function readStage(item: unknown, path: Path, findings: Findings, file: string): PlacedEntry | undefined {
  if (findings.isUnknown(path)) return undefined
  const place = findings.place(file, path)
  if (isStageExport(item)) return { entry: { kind: 'function', options: undefined, given: item, place }, path }
  const program = programTrouble(item)
  if (program !== undefined) {
    findings.add(path, program)
    return undefined
  }
  if (typeof item !== 'object' || item === null || Array.isArray(item)) {
    findings.add(path, `must be a map with the name of a stage as its key, such as strip: [password]${formOf(item)}`)
    return undefined
  }
  const written = item as Readonly<Record<string, unknown>>
  const key = stageKeyOf(written, path, findings)
  const wrong = findings.wrongKeys(entrySchema, written, path)
  if (key === undefined) return undefined
  const fits = (name: string): boolean => written[name] !== undefined && !wrong.has(name)
  const common = {
    ...(fits('name') && { name: written['name'] as string }),
    ...(fits('onError') && { onError: written['onError'] as OnStageError }),
    ...(fits('collections') && { collections: written['collections'] as readonly string[] }),
    ...(fits('sources') && { sources: written['sources'] as readonly string[] }),
    place
  }
  if (key !== 'module' && key !== 'function') return { entry: { kind: key, options: written[key], ...common }, path, key }
  const options = written['options']
  if (key === 'module') {
    if (!findings.check(moduleSchema, written, path)) return undefined
    return { entry: { kind: key, options, module: written[key] as string, ...common }, path, key }
  }
  const given = written[key]
  if (!isStageExport(given)) {
    findings.add([...path, key], exportTrouble(given) ?? 'is no stage')
    return undefined
  }
  return { entry: { kind: key, options, given, ...common }, path, key }
}

/** The one key that says which stage it is; everything that stands beside it is checked. */
function stageKeyOf(written: Readonly<Record<string, unknown>>, path: Path, findings: Findings): string | undefined {
  const known = stageNames()
  const isStage = (key: string): boolean => known.includes(key) || key === 'function'
  const keys = Object.keys(written).filter(key => !Object.hasOwn(stageKeys, key))
  const [first, ...more] = keys.filter(isStage)
  const takesOptions = first === 'module' || first === 'function'
  const strangers = keys.filter(key => !isStage(key) && key !== 'options')
  if (first === undefined) {
    for (const key of strangers) findings.add([...path, key], noSuchStage(key, known), 'key')
    if (strangers.length === 0) findings.add(path, `names no stage; there are ${known.join(', ')}`)
    return undefined
  }
  const beside = [...Object.keys(stageKeys), ...(takesOptions ? ['options'] : [])]
  for (const key of strangers) {
    const message = `is unknown beside ${first}${didYouMean(key, beside)}; there are ${beside.join(', ')}`
    findings.add([...path, key], message, 'key')
  }
  for (const key of more) findings.add([...path, key], `is a second stage beside ${first}: put a - in front of it`, 'key')
  if (Object.hasOwn(written, 'options') && !takesOptions) {
    findings.add([...path, 'options'], `is only for a module: the options of ${first} stand under ${first}`, 'key')
  }
  return more.length === 0 ? first : undefined
}

/** Of a class or a stream in a list of a program. */
function programTrouble(item: unknown): string | undefined {
  const isStream = typeof (item as { pipe?: unknown } | null)?.pipe === 'function'
  return typeof item === 'function' || isStream ? exportTrouble(item) : undefined
}

function noSuchStage(key: string, known: readonly string[]): string {
  const meant = didYouMean(key, [...known, ...Object.keys(stageKeys)])
  return `there is no stage ${key}${meant === '' ? `; there are ${known.join(', ')}` : meant}`
}

function formOf(item: unknown): string {
  const name = typeof item === 'string' ? item.split(':')[0]! : ''
  return stageNames().includes(name) ? `; here, ${name}: with its options behind it` : ''
}
