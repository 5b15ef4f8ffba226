/** Options against a JSON Schema, with messages for the people who wrote them. ajv is loaded for the first that may not fit. */
import { createRequire } from 'node:module'
import type * as Ajv from 'ajv/dist/2020.js'
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js'
import { closest, didYouMean } from '../config/suggest.ts'
import { DocferryError } from '../errors.ts'
import { parsePath, pathPattern, placePattern } from './field-path.ts'
import { surelyFits } from './fits-schema.ts'
import type { JsonSchema } from './stage-spec.ts'

export interface SchemaIssue {
  readonly path: readonly (string | number)[]
  readonly message: string
  /** It is the last name of the path that is wrong, and not what stands under it. */
  readonly at?: 'key'
}

type Compile = (schema: JsonSchema) => ValidateFunction

const require = createRequire(import.meta.url)
const compiled = new WeakMap<JsonSchema, ValidateFunction>()
let compile: Compile | undefined

/**
 * @param schema without `$ref`; compiled once. The `title` of a text with a pattern says in messages what is wanted there: `a share such as 1%`
 * @returns every issue; messages hold nothing of the options but their names
 */
export function checkAgainstSchema(schema: JsonSchema, options: unknown): readonly SchemaIssue[] {
  return surelyFits(schema, options) ? [] : checkAgainstForeign(schema, options)
}

/** The same for a schema of somebody else's. @throws {Error} where it is none */
export function checkAgainstForeign(schema: JsonSchema, options: unknown): readonly SchemaIssue[] {
  const validate = compiled.get(schema) ?? compileSchema(schema)
  if (validate(options)) return []
  return issuesOf(validate.errors ?? []).map(({ path, message, at }) => ({ path: withIndexes(path, options), message, ...(at && { at }) }))
}

/** ajv writes an index as a field of that name. */
function withIndexes(path: SchemaIssue['path'], options: unknown): SchemaIssue['path'] {
  let holder = options
  return path.map(step => {
    const found = Array.isArray(holder) ? Number(step) : step
    holder = (holder as Record<string | number, unknown> | undefined)?.[found]
    return found
  })
}

function compileSchema(schema: JsonSchema): ValidateFunction {
  compile ??= makeCompiler()
  const validate = compile(schema)
  compiled.set(schema, validate)
  return validate
}

function makeCompiler(): Compile {
  const { Ajv2020 } = require('ajv/dist/2020.js') as typeof Ajv
  const ajv = new Ajv2020({ allErrors: true, verbose: true, allowUnionTypes: true, strictTypes: false, strictRequired: false })
  return schema => ajv.compile(schema)
}

/** An issue, and what tells how much of a branch of `anyOf` it leaves standing. */
interface Found extends SchemaIssue {
  readonly schemaPath: string
  readonly instancePath: string
  /** What would fit here, where it is the value as a whole that does not: `text`, `a list`, `one of a, b`. */
  readonly wanted?: readonly string[]
  /** Those of it that a user writes as they stand here. */
  readonly words?: readonly string[]
  /** It has the right type, but not the form. */
  readonly isForm?: boolean
}

function issuesOf(errors: readonly ErrorObject[]): Found[] {
  let found: Found[] = []
  for (const error of errors) {
    if (error.keyword === 'if' || error.keyword === 'propertyNames') continue
    if (error.keyword !== 'anyOf' && error.keyword !== 'oneOf') {
      found.push(issueOf(error))
      continue
    }
    const isInside = (each: Found): boolean =>
      each.schemaPath.startsWith(`${error.schemaPath}/`) && `${each.instancePath}/`.startsWith(`${error.instancePath}/`)
    const inside = found.filter(isInside)
    found = [...found.filter(each => !isInside(each)), ...bestBranch(error, inside)]
  }
  return found
}

/** Of several forms the one that was most likely meant: of the right type, with the fewest issues. */
function bestBranch(error: ErrorObject, inside: readonly Found[]): Found[] {
  const branches = new Map<string, Found[]>()
  for (const each of inside) {
    const branch = each.schemaPath.slice(error.schemaPath.length + 1).split('/')[0]!
    branches.set(branch, [...(branches.get(branch) ?? []), each])
  }
  const isWhole = (each: Found): boolean => each.wanted !== undefined && each.instancePath === error.instancePath
  const fitting = [...branches.values()].filter(branch => !branch.some(isWhole)).sort((a, b) => a.length - b.length)
  const missing = fitting.flat()
  if (fitting.length > 1 && missing.length === fitting.length && missing.every(({ message }) => message === isMissing)) {
    const names = missing.map(({ path }) => String(path.at(-1)))
    return [{ ...issueOf(error), message: `one of ${names.join(', ')} is needed` }]
  }
  if (fitting[0]) return fitting[0]
  const whole = inside.filter(isWhole)
  if (whole.length === 0) return [{ ...issueOf(error), message: 'fits more than one of the forms that it may have' }]
  const wanted = [...new Set(whole.flatMap(each => each.wanted!))]
  const words = whole.flatMap(each => each.words ?? [])
  const { path, schemaPath, instancePath } = issueOf(error)
  const isForm = whole.some(each => each.isForm === true)
  return [
    {
      path,
      schemaPath,
      instancePath,
      wanted,
      words,
      isForm,
      message: isForm ? `must be ${listed(wanted)}` : mustBe(wanted, error.data, words)
    }
  ]
}

const isMissing = 'is missing'

function issueOf(error: ErrorObject): Found {
  const { instancePath, schemaPath, keyword, data } = error
  const params = error.params as Readonly<Record<string, unknown>>
  const schema = (error.parentSchema ?? {}) as JsonSchema
  const path = pathOf(error)
  const at = error.propertyName === undefined ? {} : { at: 'key' as const }
  const issue = (message: string, more: Partial<Found> = {}): Found => ({ path, schemaPath, instancePath, message, ...at, ...more })
  switch (keyword) {
    case 'type': {
      const types = [params['type']].flat() as string[]
      const { title } = schema
      const wanted = typeof title === 'string' ? [title] : types.map(type => typeWords[type] ?? type)
      return issue(mustBe(wanted, data), { wanted })
    }
    case 'enum':
    case 'const': {
      const values = keyword === 'enum' ? (params['allowedValues'] as unknown[]) : [params['allowedValue']]
      const words = values.map(value => String(value))
      return issue(mustBe(words, data, words), { wanted: words, words })
    }
    case 'required':
      return issue(isMissing, { path: [...path, params['missingProperty'] as string] })
    case 'dependentRequired':
      return issue(`is missing, and ${String(params['property'])} needs it`, { path: [...path, params['missingProperty'] as string] })
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const name = String(params['additionalProperty'] ?? params['unevaluatedProperty'])
      const known = Object.keys(schema['properties'] ?? {})
      const hint = known.length > 0 ? `${didYouMean(name, known)}; there are ${known.join(', ')}` : ''
      return issue(`is unknown here${hint}`, { path: [...path, name], at: 'key' })
    }
    case 'pattern':
      if (typeof schema['title'] === 'string') return issue(`must be ${schema['title']}`, { wanted: [schema['title']], isForm: true })
      return issue(patternMessage(error.propertyName ?? data, String(params['pattern'])))
    case 'minItems':
    case 'minProperties':
    case 'minLength':
      return issue(params['limit'] === 1 ? 'must not be empty' : `must have at least ${String(params['limit'])} ${countWords[keyword]}`)
    case 'maxItems':
    case 'maxProperties':
    case 'maxLength':
      return issue(`must have at most ${String(params['limit'])} ${countWords[keyword]}`)
    case 'minimum':
      return issue(`must be at least ${String(params['limit'])}`)
    case 'maximum':
      return issue(`must be at most ${String(params['limit'])}`)
    case 'exclusiveMinimum':
      return issue(`must be over ${String(params['limit'])}`)
    case 'exclusiveMaximum':
      return issue(`must be under ${String(params['limit'])}`)
    case 'uniqueItems':
      return issue(`is the same as [${String(params['j'])}]`, { path: [...path, params['i'] as number] })
    case 'not':
      return issue('is not possible here')
    default:
      return issue(error.message ?? keyword)
  }
}

/** Where a name is wrong, the path ends with it. */
function pathOf({ instancePath, propertyName }: ErrorObject): (string | number)[] {
  const steps = instancePath
    .split('/')
    .slice(1)
    .map(step => step.replaceAll('~1', '/').replaceAll('~0', '~'))
  return propertyName === undefined ? steps : [...steps, propertyName]
}

function patternMessage(value: unknown, pattern: string): string {
  if (pattern !== pathPattern && pattern !== placePattern) return `must have the form ${pattern}`
  try {
    parsePath(String(value))
    return 'leads to several places, where one is wanted: * is not possible here'
  } catch (error) {
    if (!(error instanceof DocferryError)) throw error
    return error.message
  }
}

function mustBe(wanted: readonly string[], value: unknown, words: readonly string[] = []): string {
  const shown = listed(wanted)
  const meant = typeof value === 'string' && wanted.length > 1 ? closest(value, words) : undefined
  if (meant !== undefined) return `must be ${shown} (did you mean ${meant}?)`
  return words.length > 0 && typeof value === 'string' ? `must be ${shown}` : `must be ${shown}, and is ${typeOf(value)}`
}

function listed(wanted: readonly string[]): string {
  return wanted.length > 4 ? `one of ${wanted.join(', ')}` : wanted.join(' or ')
}

const typeWords: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  object: 'a map',
  array: 'a list',
  null: 'null'
}

const countWords: Readonly<Record<string, string>> = {
  minItems: 'members',
  maxItems: 'members',
  minProperties: 'fields',
  maxProperties: 'fields',
  minLength: 'characters',
  maxLength: 'characters'
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'boolean') return String(value)
  if (typeof value === 'number' && !Number.isInteger(value)) return 'a number with a fraction'
  return typeWords[typeof value] ?? `a ${typeof value}`
}
