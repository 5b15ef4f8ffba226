/**
 * Whether a value fits a JSON Schema, where that is quickly told: ajv, which tells of everything and says why, takes longer to load and to compile a
 * schema than most runs take to begin.
 */
import type { Value } from '../types.ts'
import { isMap } from './field-path.ts'
import type { JsonSchema } from './stage-spec.ts'

type Check = (wanted: never, value: unknown, schema: JsonSchema) => boolean

/** @returns true where it fits for certain; otherwise it may, or not: the schema may say something that is not known here */
export function surelyFits(schema: JsonSchema, value: unknown): boolean {
  for (const keyword of Object.keys(schema)) {
    const wanted = schema[keyword]
    if (wanted === undefined || annotations.has(keyword)) continue
    const check = Object.hasOwn(checks, keyword) ? checks[keyword] : undefined
    if (!check?.(wanted as never, value, schema)) return false
  }
  return true
}

const annotations: ReadonlySet<string> = new Set(['title', 'description', 'default', 'examples', 'writeOnly'])

const checks: Readonly<Record<string, Check>> = {
  type: (types: string | readonly string[], value) => [types].flat().some(type => Object.hasOwn(isOf, type) && isOf[type]!(value)),
  enum: (values: readonly unknown[], value) => isScalar(value) && values.includes(value),
  const: (wanted: unknown, value) => isScalar(value) && value === wanted,
  anyOf: (branches: readonly JsonSchema[], value) => branches.some(branch => surelyFits(branch, value)),

  pattern: (pattern: string, value) => typeof value !== 'string' || new RegExp(pattern, 'u').test(value),
  minLength: (least: number, value) => typeof value !== 'string' || [...value].length >= least,
  maxLength: (most: number, value) => typeof value !== 'string' || [...value].length <= most,
  minimum: (least: number, value) => typeof value !== 'number' || value >= least,
  maximum: (most: number, value) => typeof value !== 'number' || value <= most,
  exclusiveMinimum: (least: number, value) => typeof value !== 'number' || value > least,
  exclusiveMaximum: (most: number, value) => typeof value !== 'number' || value < most,

  items: (items: JsonSchema, value, { prefixItems }) =>
    !Array.isArray(value) || (prefixItems === undefined && value.every(item => surelyFits(items, item))),
  minItems: (least: number, value) => !Array.isArray(value) || value.length >= least,
  maxItems: (most: number, value) => !Array.isArray(value) || value.length <= most,

  properties: (properties: Readonly<Record<string, JsonSchema>>, value) =>
    inMap(value, map => Object.keys(properties).every(name => !Object.hasOwn(map, name) || surelyFits(properties[name]!, map[name]))),
  patternProperties: (patterns: Readonly<Record<string, JsonSchema>>, value) =>
    inMap(value, map =>
      Object.entries(patterns).every(([pattern, schema]) =>
        Object.keys(map).every(name => !new RegExp(pattern, 'u').test(name) || surelyFits(schema, map[name]))
      )
    ),
  additionalProperties: (wanted: JsonSchema | boolean, value, schema) =>
    inMap(value, map =>
      Object.keys(map).every(name => isNamed(schema, name) || (typeof wanted === 'boolean' ? wanted : surelyFits(wanted, map[name])))
    ),
  propertyNames: (names: JsonSchema, value) => inMap(value, map => Object.keys(map).every(name => surelyFits(names, name))),
  minProperties: (least: number, value) => inMap(value, map => Object.keys(map).length >= least),
  maxProperties: (most: number, value) => inMap(value, map => Object.keys(map).length <= most),
  required: (names: readonly string[], value) => inMap(value, map => names.every(name => has(map, name))),
  dependentRequired: (dependents: Readonly<Record<string, readonly string[]>>, value) =>
    inMap(value, map => Object.entries(dependents).every(([name, needed]) => !has(map, name) || needed.every(each => has(map, each))))
}

const isOf: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: value => typeof value === 'string',
  number: value => Number.isFinite(value),
  integer: value => Number.isInteger(value),
  boolean: value => typeof value === 'boolean',
  null: value => value === null,
  array: value => Array.isArray(value),
  object: value => isMap(value as Value)
}

type Map = Readonly<Record<string, unknown>>

/** What is no map may be anything here: `type` says what is wanted. Of an object that is neither map nor list, nothing is certain. */
function inMap(value: unknown, check: (map: Map) => boolean): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return typeof value !== 'function'
  return isMap(value as Value) && check(value as Map)
}

function isNamed({ properties, patternProperties }: JsonSchema, name: string): boolean {
  if (Object.hasOwn(properties ?? {}, name)) return true
  return Object.keys(patternProperties ?? {}).some(pattern => new RegExp(pattern, 'u').test(name))
}

function has(map: Map, name: string): boolean {
  return Object.hasOwn(map, name) && map[name] !== undefined
}

function isScalar(value: unknown): boolean {
  return typeof value !== 'object' || value === null
}
