/**
 * `const`, `enum` and `uniqueItems` of JSON Schema, in place of ajv's: it asks a map for its `constructor`, `valueOf` and `toString`, so that of maps with
 * such fields it throws, or takes equal ones for different.
 */
import type { Ajv, FuncKeywordDefinition, SchemaValidateFunction } from 'ajv'

export function compareByFields(ajv: Ajv): void {
  for (const definition of [constKeyword, enumKeyword, uniqueItemsKeyword]) ajv.removeKeyword(definition.keyword).addKeyword(definition)
}

const constKeyword = { keyword: 'const', validate: areEqual, errors: false, error: { message: 'must be equal to constant' } }

const enumKeyword = { keyword: 'enum', schemaType: 'array', validate: isAllowed } satisfies FuncKeywordDefinition

const uniqueItemsKeyword = {
  keyword: 'uniqueItems',
  type: 'array',
  schemaType: 'boolean',
  validate: (wanted: boolean, items: readonly unknown[]) => !wanted || areUnique(items),
  errors: false,
  error: { message: 'must NOT have duplicate items' }
} satisfies FuncKeywordDefinition

function isAllowed(allowed: readonly unknown[], value: unknown): boolean {
  const fits = allowed.some(each => areEqual(each, value))
  const message = 'must be equal to one of the allowed values'
  if (!fits) (isAllowed as SchemaValidateFunction).errors = [{ keyword: 'enum', message, params: { allowedValues: allowed } }]
  return fits
}

function areUnique(items: readonly unknown[]): boolean {
  const scalars = new Set<unknown>()
  const others: object[] = []
  for (const item of items) {
    if (typeof item !== 'object' || item === null) {
      if (scalars.has(item)) return false
      scalars.add(item)
    } else if (others.some(other => areEqual(other, item))) return false
    else others.push(item)
  }
  return true
}

function areEqual(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b || Object.is(a, b)
  if (Array.isArray(a) || Array.isArray(b))
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, index) => areEqual(item, b[index]))
  const fields = Object.entries(a)
  if (fields.length !== Object.keys(b).length) return false
  return fields.every(([name, field]) => Object.hasOwn(b, name) && areEqual(field, (b as Readonly<Record<string, unknown>>)[name]))
}
