/** The JSON Schema of pipeline files, by which editors complete and check them; made of the parts' schemas and the stages' specs. */
import { stageSpecs } from '../registry.ts'
import type { JsonSchema, StageSpec } from '../stages/stage-spec.ts'
import { checkAgainstSchema } from '../stages/check-schema.ts'
import {
  addressDescription,
  addressExamples,
  collectionSchema,
  moduleKeys,
  optionsSchema,
  rootSchema,
  sourceSchema,
  stageKeys,
  targetSchema,
  testSchema
} from './sections.ts'

type Properties = Readonly<Record<string, JsonSchema>>

export const schemaTitle = 'docferry pipeline'

/** Draft 2020-12. */
export async function pipelineSchema(): Promise<JsonSchema> {
  const specs = await Promise.all(Object.values(stageSpecs).map(load => load()))
  // What is commented out leaves its key without a value.
  const stages = { type: ['array', 'null'], items: { $ref: '#/$defs/stage' } }
  const root = rootSchema['properties'] as Properties
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: schemaTitle,
    description:
      'Moves collections of documents from a source to a target, through stages. Text may hold ${NAME}, ${NAME:-default} and ${file:path}.',
    ...rootSchema,
    properties: {
      ...interpolableAll(root),
      source: { $ref: '#/$defs/source' },
      sources: { ...root['sources'], type: 'array', minItems: 1, items: { $ref: '#/$defs/source' } },
      target: { $ref: '#/$defs/target' },
      targets: { ...root['targets'], type: 'array', minItems: 1, items: { $ref: '#/$defs/target' } },
      collections: { ...root['collections'], type: 'array', minItems: 1, items: { $ref: '#/$defs/collection' } },
      stages: { ...root['stages'], ...stages },
      options: { ...interpolable(optionsSchema), type: ['object', 'null'] },
      tests: { ...root['tests'], type: ['array', 'null'], items: { $ref: '#/$defs/test' } }
    },
    allOf: [oneOfTwo('source', 'sources'), oneOfTwo('target', 'targets'), { not: { required: ['collections', 'preset'] } }],
    $defs: {
      interpolated,
      address: { type: 'string', minLength: 1, description: addressDescription, examples: addressExamples },
      source: { anyOf: [{ $ref: '#/$defs/address' }, withProperties(sourceSchema, { address: { $ref: '#/$defs/address' }, stages })] },
      target: { anyOf: [{ $ref: '#/$defs/address' }, withProperties(targetSchema, { address: { $ref: '#/$defs/address' } })] },
      collection: {
        anyOf: [{ type: 'string', minLength: 1, description: 'Its name in the source.' }, withProperties(collectionSchema, { stages })]
      },
      test: withProperties(testSchema, { in: documents, out: documents }),
      stage: stageSchema(specs),
      ...Object.fromEntries(specs.map(spec => [defOf(spec), optionsOf(spec)]))
    }
  }
}

/** A value that is known only when the file is read. */
const interpolated: JsonSchema = {
  type: 'string',
  pattern: '\\$\\{[^{}]+\\}',
  description: 'What ${NAME}, ${NAME:-default} or ${file:path} gives, without quotes.'
}

const document: JsonSchema = { type: 'object', required: ['_id'], properties: { _id: { type: 'string', minLength: 1 } } }
const documents: JsonSchema = { anyOf: [document, { type: 'array', items: document }] }

function oneOfTwo(one: string, other: string): JsonSchema {
  return { oneOf: [{ required: [one] }, { required: [other] }] }
}

function withProperties(schema: JsonSchema, properties: Properties): JsonSchema {
  const own = schema['properties'] as Properties
  const described = Object.entries(properties).map(([name, property]) => [name, { ...own[name], ...property }])
  return { ...schema, properties: { ...interpolableAll(own), ...Object.fromEntries(described) } }
}

/** One list of keys, of which exactly one names the stage: so that an editor completes them, and tells one that is misspelt. */
function stageSchema(specs: readonly StageSpec[]): JsonSchema {
  const keys = [...specs.map(({ name }) => name), 'module']
  return {
    type: 'object',
    description: 'A stage: the key is its name, the value its options.',
    additionalProperties: false,
    properties: {
      ...Object.fromEntries(specs.map(spec => [spec.name, { description: spec.summary, $ref: `#/$defs/${defOf(spec)}` }])),
      ...moduleKeys,
      ...interpolableAll(stageKeys)
    },
    oneOf: keys.map(name => ({ required: [name] })),
    dependentRequired: { options: ['module'] }
  }
}

function defOf({ name }: StageSpec): string {
  return `stage-${name}`
}

function optionsOf({ schema, summary, description, examples }: StageSpec): JsonSchema {
  const fits = interpolable(schema)
  const described = {
    description: description === undefined ? summary : `${summary}. ${description}`,
    examples: examples.map(({ options }) => options)
  }
  // No options at all are written as a key without a value.
  return checkAgainstSchema(schema, {}).length > 0 ? { ...fits, ...described } : { anyOf: [fits, { type: 'null' }], ...described }
}

/** The same schema, with `${NAME}` wherever a single value is wanted that is not just any text. */
function interpolable(schema: JsonSchema): JsonSchema {
  const open = Object.fromEntries(Object.entries(schema).map(([keyword, value]) => [renamed(keyword), interpolableKeyword(keyword, value)]))
  if (!isSingleValue(open)) return open
  const { description, default: standard, examples, ...rest } = open
  return {
    ...(description !== undefined && { description }),
    ...(standard !== undefined && { default: standard }),
    ...(examples !== undefined && { examples }),
    anyOf: [rest, { $ref: '#/$defs/interpolated' }]
  }
}

/** `${NAME}` would fit several branches. */
function renamed(keyword: string): string {
  return keyword === 'oneOf' ? 'anyOf' : keyword
}

function interpolableKeyword(keyword: string, value: unknown): unknown {
  if (/^(?:properties|patternProperties|dependentSchemas)$/.test(keyword)) return interpolableAll(value as Properties)
  if (/^(?:anyOf|oneOf|allOf|prefixItems)$/.test(keyword)) return (value as readonly JsonSchema[]).map(interpolable)
  if (/^(?:items|additionalProperties|unevaluatedProperties|contains|then|else)$/.test(keyword) && typeof value === 'object')
    return interpolable(value as JsonSchema)
  return value
}

function interpolableAll(properties: Properties): Properties {
  return Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, interpolable(property)]))
}

function isSingleValue(schema: JsonSchema): boolean {
  if ('enum' in schema || 'const' in schema) return true
  const types = [schema['type']].flat().map(String)
  if (types.includes('string'))
    return types.length === 1 && ['pattern', 'format', 'minLength', 'maxLength'].some(keyword => keyword in schema)
  return types.some(type => /^(?:number|integer|boolean)$/.test(type))
}
