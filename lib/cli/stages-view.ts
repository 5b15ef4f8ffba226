/** What a built-in stage is and takes, from its spec. */
import { propertiesOf, secretsIn } from '../stages/make-stage.ts'
import { pathPattern, placePattern } from '../stages/field-path.ts'
import type { JsonSchema, StageSpec } from '../stages/stage-spec.ts'
import { parseText, stringifyJson } from '../values/index.ts'
import type { Value } from '../values/index.ts'
import { indentedLines, padEnd, plainStyle, wrap } from './text.ts'
import type { View } from './text.ts'
import { yamlLines } from './yaml-text.ts'

type StageView = Pick<View, 'columns' | 'style'>

export function stageList(specs: readonly StageSpec[], { columns = Infinity, style = plainStyle }: StageView = {}): string[] {
  const width = Math.max(...specs.map(({ name }) => name.length))
  return [
    ...specs.flatMap(({ name, summary }) =>
      indentedLines(summary, `${padEnd(name, width)}  `, columns).map(line => line.replace(name, style.bold(name)))
    ),
    '',
    'docferry stages <name> shows the options and examples of one. On the command line: --stage name:options.'
  ]
}

export function stagePage(spec: StageSpec, { columns = Infinity, style = plainStyle }: StageView = {}): string[] {
  const { name, summary, description, schema, short, examples } = spec
  const title = (text: string): string[] => ['', style.bold(text)]
  return [
    `${style.bold(name)}: ${summary}`,
    ...(description ? ['', ...description.split('\n').flatMap(line => paragraph(line, columns))] : []),
    ...title('Options'),
    ...optionLines(schema, columns),
    ...title('On the command line'),
    ...(short ? [`  --stage ${short.usage}`] : []),
    ...commandLines(spec),
    ...title(examples.length === 1 ? 'Example' : 'Examples'),
    ...examples.flatMap((example, index) => [
      ...(index > 0 ? [''] : []),
      ...(example.title ? [style.dim(`  # ${example.title}`)] : []),
      '  stages:',
      ...listItem([[name, example.options]], columns),
      '  tests:',
      ...listItem(
        [
          ['in', plain(example.in)],
          ['out', plain(example.out)]
        ],
        columns
      )
    ])
  ]
}

/** For programs: the spec without its code. */
export function stageJson({ name, summary, description, schema, short, examples }: StageSpec): object {
  return {
    name,
    summary,
    description: description ?? null,
    short: short?.usage ?? null,
    schema,
    examples: examples.map(({ title, options, in: given, out }) => ({ title: title ?? null, options, in: plain(given), out: plain(out) }))
  }
}

/** As a shell takes it; nothing that must not stand there. */
function commandLines(spec: StageSpec): string[] {
  // Text is read as the short form.
  const example = spec.examples.find(({ options }) => typeof options === 'object' && secretsIn(spec, options).length === 0)
  if (!example) return []
  return [`  --stage '${spec.name}:${JSON.stringify(example.options).replaceAll("'", String.raw`'\''`)}'`]
}

/** Values of classes as envelopes. */
function plain(value: unknown): unknown {
  return parseText(stringifyJson(value as Value))
}

function paragraph(line: string, columns: number): string[] {
  if (line === '') return ['']
  return line.startsWith('- ') ? indentedLines(line.slice(2), '- ', columns) : wrap(line, columns)
}

/** `  - name: value`, with further fields below. */
function listItem(fields: readonly (readonly [string, unknown])[], columns: number): string[] {
  return fields
    .flatMap(([key, value]) => yamlLines(key, value, Math.min(columns, 100), '      '))
    .map((line, index) => (index === 0 ? `    - ${line.slice(6)}` : line))
}

function optionLines(schema: JsonSchema, columns: number): string[] {
  const branches = isOptionMap(schema) ? [schema] : ((schema['anyOf'] ?? schema['oneOf'] ?? [schema]) as readonly JsonSchema[])
  return branches.flatMap((branch, index) => [
    ...(index > 0 ? ['  or'] : []),
    ...(isOptionMap(branch) ? propertyLines(branch, '  ', columns) : indentedLines(described(branch), '  ', columns))
  ])
}

function isOptionMap(schema: JsonSchema): boolean {
  return typeof schema['properties'] === 'object'
}

function propertyLines(schema: JsonSchema, indent: string, columns: number): string[] {
  const properties = propertiesOf(schema)
  const required = new Set((schema['required'] ?? []) as readonly string[])
  const width = Math.max(...properties.map(([name]) => name.length))
  return properties.flatMap(([name, property]) => [
    ...indentedLines(described(property, required.has(name)), `${indent}${padEnd(name, width)}  `, columns),
    ...innerSchemas(property).flatMap(inner => propertyLines(inner, `${indent}    `, columns))
  ])
}

/** The maps that a value may be, or hold. */
function innerSchemas(schema: JsonSchema): JsonSchema[] {
  if (isOptionMap(schema)) return [schema]
  const inside = [schema['items'], schema['additionalProperties'], ...((schema['anyOf'] ?? schema['oneOf'] ?? []) as readonly unknown[])]
  return inside.filter(each => typeof each === 'object' && each !== null).flatMap(each => innerSchemas(each as JsonSchema))
}

function described(schema: JsonSchema, isRequired = false): string {
  const byDefault = schema['default'] === undefined ? [] : [`default ${JSON.stringify(schema['default'])}`]
  const notes = [typeText(schema), ...(isRequired ? ['required'] : []), ...byDefault].join(', ')
  return schema['description'] === undefined ? notes : `${notes}. ${String(schema['description'])}`
}

const typeWords: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'number',
  integer: 'whole number',
  boolean: 'true or false',
  object: 'map',
  array: 'list',
  null: 'null'
}

function typeText(schema: JsonSchema): string {
  if (Array.isArray(schema['enum'])) return schema['enum'].join(' | ')
  if ('const' in schema) return JSON.stringify(schema['const'])
  const forms = (schema['anyOf'] ?? schema['oneOf']) as readonly JsonSchema[] | undefined
  if (forms && schema['type'] === undefined) return forms.map(typeText).join(' or ')
  if (schema['pattern'] === pathPattern || schema['pattern'] === placePattern) return 'path'
  const items = schema['items'] as JsonSchema | undefined
  if (schema['type'] === 'array') return items ? `list of ${typeText(items)}` : 'list'
  const members = schema['additionalProperties']
  if (schema['type'] === 'object' && typeof members === 'object') {
    const names = (schema['propertyNames'] as JsonSchema | undefined)?.['pattern']
    return `map of ${names === pathPattern || names === placePattern ? 'path' : 'name'} to ${typeText(members as JsonSchema)}`
  }
  if (schema['type'] === undefined) return 'any value'
  return [schema['type']]
    .flat()
    .map(type => typeWords[String(type)] ?? String(type))
    .join(' or ')
}
