import { createRequire } from 'node:module'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Ajv, ErrorObject, Options, ValidateFunction } from 'ajv'
import { didYouMean } from '../config/suggest.ts'
import type { Document, Stage, Value } from '../types.ts'
import { configError } from './config-error.ts'
import { formatPath } from './field-path.ts'
import { plainView } from './plain-view.ts'
import { compareByFields } from './schema-equality.ts'
import type { StageSpec } from './stage-spec.ts'
import { parseText } from '../values/index.ts'

export interface ValidateOptions {
  /** A JSON Schema of draft 2020-12, or of what its `$schema` says: 2019-09, 07. */
  readonly schema: object | boolean
  /** Without `_id`. Default false. */
  readonly withoutId?: boolean
}

/** How many issues of one document are told. */
const mostTold = 20

/**
 * Let only documents pass that a JSON Schema takes; for others the stage fails, and they become dead letters.
 *
 * @throws {DocferryError} DOCFERRY_CONFIG for what is no schema
 */
export function validate({ schema, withoutId = false }: ValidateOptions): Stage {
  const check = compileSchema(schema)
  return {
    name: 'validate',
    mayRepeatIds: false,
    changesInPlace: false,
    onError: 'dead-letter',
    apply(document) {
      const plain = plainView(withoutId ? fieldsOf(document) : document)
      if (check(plain)) return document
      throw new Error(messageOf(check.errors ?? [], plain))
    }
  }
}

function fieldsOf({ _id, ...fields }: Document): Value {
  void _id
  return fields
}

const require = createRequire(import.meta.url)

/** By what `$schema` says, without the hash that some write behind it. */
const drafts: Readonly<Record<string, string>> = {
  'https://json-schema.org/draft/2020-12/schema': 'ajv/dist/2020.js',
  'https://json-schema.org/draft/2019-09/schema': 'ajv/dist/2019.js',
  'http://json-schema.org/draft-07/schema': 'ajv'
}

function compileSchema(schema: object | boolean): ValidateFunction {
  const draft = (schema as { readonly $schema?: unknown }).$schema ?? Object.keys(drafts)[0]!
  const file =
    typeof draft === 'string' ? drafts[draft.replace(/#$/, '').replace(/^https(?=:\/\/json-schema\.org\/draft-07)/, 'http')] : undefined
  if (file === undefined) throw configError(`schema.$schema: there is ${Object.keys(drafts).join(', ')}`)
  const { default: AjvOfDraft } = require(file) as { default: new (options: Options) => Ajv }
  // What the schema says of numbers and of missing types is its author's business; a keyword that there is not would check nothing.
  const ajv = new AjvOfDraft({
    allErrors: true,
    ownProperties: true,
    strictTypes: false,
    strictTuples: false,
    strictRequired: false,
    validateFormats: true,
    logger: false
  })
  const { default: addFormats } = require('ajv-formats') as { default: (ajv: Ajv) => void }
  addFormats(ajv)
  compareByFields(ajv)
  ajv.addVocabulary(annotationsIn(schema))
  try {
    const check = ajv.compile({ ...(typeof schema === 'boolean' ? (schema ? {} : { not: {} }) : schema) })
    if ('$async' in check) throw new Error('$async is not possible here')
    return check
  } catch (error) {
    throw configError(schemaMessage(error as Error, ajv, schema), error)
  }
}

/** OpenAPI's own, which check nothing: `x-...`, `example`. */
function annotationsIn(schema: unknown, found = new Set<string>()): string[] {
  if (typeof schema === 'object' && schema !== null) {
    for (const [key, value] of Object.entries(schema)) {
      if (/^x-[\w-]+$/.test(key) || key === 'example' || key === 'externalDocs' || key === 'xml') found.add(key)
      annotationsIn(value, found)
    }
  }
  return [...found]
}

/** Begins with where it is: `schema.type: ...`. */
function schemaMessage({ message }: Error, ajv: Ajv, schema: object | boolean): string {
  const unknown = /^strict mode: unknown keyword: "(.*)"$/.exec(message)?.[1]
  if (unknown !== undefined) return `schema: there is no keyword ${unknown}${didYouMean(unknown, Object.keys(ajv.RULES.keywords))}`
  const format = /^unknown format "(.*?)"/.exec(message)?.[1]
  if (format !== undefined) return `schema: there is no format ${format}${didYouMean(format, Object.keys(ajv.formats))}`
  if (message.startsWith("can't resolve reference")) return `schema: ${message}: put what it refers to into $defs`
  if (message.startsWith('schema is invalid: ') && ajv.errors) return formMessage(ajv.errors, schema)
  return `schema: ${message}`
}

/** Of a keyword's value that can have several forms ajv tells each, and that none of them fits: one, at the deepest place, says it. */
function formMessage(errors: readonly ErrorObject[], schema: object | boolean): string {
  const pointers = [...new Set(errors.map(({ instancePath }) => instancePath))]
  const deepest = pointers.filter(pointer => !pointers.some(other => other.startsWith(`${pointer}/`)))
  const issues = deepest.map(pointer => {
    const { params, message = 'is wrong' } = errors.find(({ instancePath }) => instancePath === pointer)!
    const path = pathOf(pointer, schema)
    const { allowedValues } = params as { readonly allowedValues?: readonly string[] }
    const value = path.reduce<unknown>((holder, step) => (holder as Record<string | number, unknown>)[step], schema)
    const meant = allowedValues && typeof value === 'string' ? didYouMean(value, allowedValues) : ''
    return `${formatPath(['schema', ...path])}: ${allowedValues ? `must be one of ${allowedValues.join(', ')}` : message}${meant}`
  })
  return issues.join('; ')
}

/** Places and what is wanted there; never what stands there. */
function messageOf(errors: readonly ErrorObject[], checked: unknown): string {
  const issues = new Set(errors.filter(({ keyword }) => keyword !== 'if').map(error => issueOf(error, checked)))
  const told = [...issues].slice(0, mostTold)
  const more = issues.size - told.length
  return told.join('; ') + (more > 0 ? `; and ${more} more` : '')
}

function issueOf({ instancePath, keyword, params, message = 'is wrong', propertyName }: ErrorObject, checked: unknown): string {
  const path = pathOf(instancePath, checked)
  const details = params as Readonly<Record<string, unknown>>
  const name = details['missingProperty'] ?? details['additionalProperty'] ?? details['unevaluatedProperty'] ?? propertyName
  const place = formatPath(name === undefined ? path : [...path, String(name)]) || 'the document'
  if (keyword === 'required') return `${place} is missing (required)`
  if (keyword === 'additionalProperties' || keyword === 'unevaluatedProperties') return `${place} is not allowed (${keyword})`
  return `${place} ${message.replaceAll('"', '')} (${keyword})`
}

/** ajv writes an index as a field of that name. */
function pathOf(pointer: string, checked: unknown): (string | number)[] {
  let holder = checked
  return pointer
    .split('/')
    .slice(1)
    .map(step => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map(step => {
      const found = Array.isArray(holder) ? Number(step) : step
      holder = typeof holder === 'object' && holder !== null ? (holder as Record<string | number, unknown>)[found] : undefined
      return found
    })
}

interface SpecOptions {
  readonly schema?: object | boolean
  readonly file?: string
  readonly withoutId?: boolean
}

async function readSchema(file: string, folder: string): Promise<object | boolean> {
  const path = resolve(folder, file)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw configError(`file: ${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`, error)
  }
  let schema: unknown
  try {
    schema = parseText(text)
  } catch (error) {
    throw configError(`file: ${path} is not valid JSON${/ at position \d+.*/.exec((error as Error).message)?.[0] ?? ''}`, error)
  }
  if (typeof schema === 'boolean' || (typeof schema === 'object' && schema !== null && !Array.isArray(schema))) return schema
  throw configError(`file: ${path} holds no JSON Schema`)
}

const fileSchema = { type: 'string', minLength: 1, description: 'A JSON file with the schema, relative to the pipeline.' }

export const validateStage: StageSpec<string | SpecOptions> = {
  name: 'validate',
  summary: 'let only documents pass that fit a JSON Schema',
  description: `Draft 2020-12, or 2019-09 or 07 where \`$schema\` says so, with formats. A document that does not fit becomes a dead letter, which names every place and the keyword that it breaks, and never a value; \`onError: fail\` ends the run instead, \`onError: skip\` leaves the document out.

Values are checked in their plain form: a number of any kind as the double that is nearest to it (so that integers past 2^53 may be equal that are not), a time as ISO text, bytes as base64, a reference as its path, a set and a vector as a list, a point as a map. The document is checked with its \`_id\`.`,
  schema: {
    anyOf: [
      fileSchema,
      {
        type: 'object',
        additionalProperties: false,
        properties: {
          schema: { type: ['object', 'boolean'], description: 'The JSON Schema itself.' },
          file: fileSchema,
          withoutId: {
            type: 'boolean',
            default: false,
            description: 'Whether the schema is for the document without its `_id`. Default: false.'
          }
        }
      }
    ]
  },
  examples: [
    {
      title: 'what every user must have',
      options: {
        schema: {
          type: 'object',
          required: ['email', 'age'],
          properties: { email: { type: 'string', format: 'email' }, age: { type: 'integer', minimum: 0 } }
        }
      },
      in: { _id: 'u1', email: 'ada@example.com', age: 36 },
      out: { _id: 'u1', email: 'ada@example.com', age: 36 }
    }
  ],
  short: { usage: 'validate:schema.json', parse: file => file },
  async make(options, { folder }) {
    const { schema, file, withoutId } = typeof options === 'string' ? { file: options } : options
    if ((schema === undefined) === (file === undefined)) throw configError('schema, file: one of the two is wanted')
    return validate({ schema: schema ?? (await readSchema(file!, folder)), withoutId })
  }
}
