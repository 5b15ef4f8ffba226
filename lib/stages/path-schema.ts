/** Pieces of schemas that the options of several stages are made of. */
import { pathPattern, placePattern } from './field-path.ts'
import type { JsonSchema } from './stage-spec.ts'

/** A path, perhaps with `*`. */
export function pathSchema(description: string): JsonSchema {
  return { type: 'string', pattern: pathPattern, description }
}

/** A path without `*`. */
export function placeSchema(description: string): JsonSchema {
  return { type: 'string', pattern: placePattern, description }
}

/** A map with at least one path. @param value schema of what each path has */
export function mapOfPaths(description: string, value: unknown, pattern: string = pathPattern): JsonSchema {
  return { type: 'object', minProperties: 1, description, propertyNames: { pattern }, additionalProperties: value }
}

/** At least one path. */
export function pathsSchema(description: string): JsonSchema {
  return { type: 'array', minItems: 1, items: pathSchema('A path: `a.b`, `list[0]`, `list[*].name`, `map.*`.'), description }
}
