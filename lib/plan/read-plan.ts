/** A saved plan, read back as far as a run depends on it. */
import { DocferryError } from '../errors.ts'
import type { Plan, PlannedOptions } from './plan.ts'
import { parseText } from '../values/index.ts'

/** @throws {DocferryError} DOCFERRY_CONFIG for what is no plan */
export function readPlan(text: string, name: string): Plan {
  const wrong = (why: string): DocferryError =>
    new DocferryError('DOCFERRY_CONFIG', `${name} is no plan of docferry's: ${why}; make one with docferry plan ... --save ${name}`)
  let value: unknown
  try {
    value = parseText(text)
  } catch {
    // The parser's own message quotes the text, which may be that of a wrong file.
    throw wrong('not valid JSON')
  }
  if (isRecord(value) && value['command'] === 'plan') throw wrong('it is what --json prints, which is for reading')
  if (!isRecord(value) || typeof value['docferryPlan'] !== 'number') throw wrong('it does not say so')
  if (value['docferryPlan'] !== 1) throw wrong(`its form is ${value['docferryPlan']}, and this docferry knows 1`)
  const { options, madeAt } = value
  if (typeof madeAt !== 'string' || !isRecord(options)) throw wrong('parts of it are missing')
  const broken = Object.entries(optionForms).flatMap(([name, isForm]) => (isForm(options[name]) ? [] : [name]))
  if (broken.length > 0) throw wrong(`missing or wrong in its options: ${broken.join(', ')}`)
  return value as unknown as Plan
}

const isText = (value: unknown): boolean => typeof value === 'string'
const isFlag = (value: unknown): boolean => typeof value === 'boolean'
const isListOf = (is: (value: unknown) => boolean) => (value: unknown) => Array.isArray(value) && value.every(is)
const isPlace = (value: unknown): boolean =>
  isRecord(value) && isText(value['provider']) && isText(value['address']) && isText(value['identity'])

const optionForms: Readonly<Record<keyof PlannedOptions, (value: unknown) => boolean>> = {
  source: isPlace,
  target: isPlace,
  collections: isListOf(pair => isListOf(isText)(pair) && (pair as unknown[]).length === 2),
  preset: value => value === undefined || isText(value),
  onConflict: isText,
  onIncompatible: isText,
  types: isText,
  includeDesign: isFlag,
  keepMetadata: isFlag,
  subcollections: value => value === undefined || isFlag(value),
  attachments: value => value === undefined || isFlag(value),
  includeSecurity: value => value === undefined || isFlag(value),
  stages: isListOf(isText),
  pipeline: value => value === undefined || (isRecord(value) && isText(value['file']) && isText(value['target'])),
  settings: value => isRecord(value) && isText(value['source']) && isText(value['target']),
  named: isRecord,
  undo: value => value === undefined || isText(value),
  bounds: value => value === undefined || isRecord(value),
  toVerify: value => value === undefined || isFlag(value)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
