/** From a name and options to a stage. */
import { DocferryError } from '../errors.ts'
import { loadStageSpec } from '../registry.ts'
import type { Stage } from '../types.ts'
import { formatPath } from './field-path.ts'
import { checkAgainstSchema } from './check-schema.ts'
import type { SchemaIssue } from './check-schema.ts'
import type { JsonSchema, StageMaking, StageSpec } from './stage-spec.ts'

/** What is wrong with options, and where in them. */
export type OptionIssue = SchemaIssue

/**
 * @param options missing or null: none
 * @throws {DocferryError} DOCFERRY_USAGE for a name that is none, DOCFERRY_CONFIG with every issue
 */
export async function makeStage(name: string, options: unknown, making: StageMaking): Promise<Stage> {
  const spec = await loadStageSpec(name)
  const issues = checkStageOptions(spec, options)
  if (issues.length > 0) throw new DocferryError('DOCFERRY_CONFIG', `stage ${name}: ${issues.map(issueText).join('; ')}`, { stage: name })
  return await makeOf(spec, options, making)
}

/** @param options checked by the schema; missing or null: none. @throws {DocferryError} DOCFERRY_CONFIG */
export async function makeOf(spec: StageSpec, options: unknown, making: StageMaking): Promise<Stage> {
  return { ...(await spec.make(options ?? {}, making)), isPure: true, givesValues: true }
}

/**
 * Every issue that the schema tells of; `make` may find more.
 *
 * @param options missing or null: none
 */
export function checkStageOptions(spec: Pick<StageSpec, 'schema'>, options: unknown): readonly OptionIssue[] {
  return checkAgainstSchema(spec.schema, options ?? {})
}

/** `fields[2]: must be text, and is a number` */
export function issueText({ path, message }: OptionIssue): string {
  return path.length === 0 ? message : `${formatPath(path)}: ${message}`
}

/** The options given that must not be kept or shown, as paths. */
export function secretsIn({ schema }: Pick<StageSpec, 'schema'>, options: unknown): string[] {
  if (typeof options !== 'object' || options === null) return []
  return propertiesOf(schema)
    .filter(([name, property]) => property['writeOnly'] === true && Object.hasOwn(options, name))
    .map(([name]) => name)
}

/** The options that a stage takes as a map, also where it takes a list or text as well. */
export function propertiesOf(schema: JsonSchema): readonly (readonly [string, JsonSchema])[] {
  const branches = [schema, ...((schema['anyOf'] ?? schema['oneOf'] ?? []) as readonly JsonSchema[])]
  return branches.flatMap(branch => Object.entries((branch['properties'] ?? {}) as Record<string, JsonSchema>))
}
