/** Whether something parsed is DynamoDB's JSON: the service always sends it, a file may hold anything. */
import type { ItemJson } from './values.ts'

/** Whether each of its fields is an attribute's value, all through. */
export function isItem(value: unknown): value is ItemJson {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  for (const name in value) if (!isAttribute((value as Readonly<Record<string, unknown>>)[name])) return false
  return true
}

/** Exactly one of the types, with the JSON that belongs to it. Called for each value of each item: it makes no list of the names. */
function isAttribute(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  let type: string | undefined
  for (const name in value) {
    if (type !== undefined) return false
    type = name
  }
  if (type === undefined) return false
  const content = (value as Readonly<Record<string, unknown>>)[type]
  switch (type) {
    case 'S':
    case 'N':
      return typeof content === 'string'
    case 'B':
      return isBase64(content)
    case 'BOOL':
      return typeof content === 'boolean'
    case 'NULL':
      return content === true
    case 'M':
      return isItem(content)
    case 'L':
      return Array.isArray(content) && content.every(isAttribute)
    case 'SS':
    case 'NS':
      return Array.isArray(content) && content.every(each => typeof each === 'string')
    case 'BS':
      return Array.isArray(content) && content.every(isBase64)
    default:
      return false
  }
}

/** Decoding would pass over what is none. */
function isBase64(value: unknown): boolean {
  return typeof value === 'string' && value.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(value)
}
