import { describeError } from '../errors.ts'
import type { Document, Stage, Value } from '../types.ts'
import { setField } from '../values/index.ts'
import { changer, parseFieldPath } from './change-values.ts'
import type { Change } from './change-values.ts'
import { configError } from './config-error.ts'
import { fieldsOf, isMap } from './field-path.ts'
import { pathsSchema } from './path-schema.ts'
import { names } from './short-forms.ts'
import type { StageSpec } from './stage-spec.ts'
import { patternNames, replaceIn, textPatterns } from './text-patterns.ts'
import type { PatternName } from './text-patterns.ts'
import { textOf } from './text-of.ts'

interface RedactOptions {
  readonly fields?: readonly string[]
  readonly with?: string | null
  readonly keepLast?: number
  readonly patterns?: readonly (PatternName | { readonly regex: string })[]
}

export const redactStage: StageSpec<RedactOptions | readonly string[]> = {
  name: 'redact',
  summary: 'black out values, or what in a text looks like an e-mail address, a card number and so on',
  description:
    'Without `patterns`, what the paths lead to is replaced as a whole. With them, only what matches, in all text that the paths lead to or that stands below; without `fields` in all text of the document, but for names of fields and `_id`. Null stays null. Patterns find what is written in the usual form, and nothing else: for a field that is known to hold personal data, name the field.',
  schema: {
    anyOf: [
      pathsSchema('What is replaced.'),
      {
        type: 'object',
        additionalProperties: false,
        anyOf: [{ required: ['fields'] }, { required: ['patterns'] }],
        properties: {
          fields: pathsSchema('What is replaced, or where patterns are looked for.'),
          with: {
            type: ['string', 'null'],
            default: '[redacted]',
            description: 'What stands there instead: a text or null. Null only without patterns.'
          },
          keepLast: {
            type: 'integer',
            minimum: 1,
            description:
              'How many characters of a text or number stay at its end, at most half of them, behind a `*` for each of the others.'
          },
          patterns: {
            type: 'array',
            minItems: 1,
            description:
              'What is looked for in text: `email`, `phone` (with + and country), `card` (numbers with the right check digit), `ip` (version 4), `token` (API keys in forms that are known, JSON web tokens), or a regular expression.',
            items: {
              anyOf: [
                { enum: patternNames },
                {
                  type: 'object',
                  required: ['regex'],
                  additionalProperties: false,
                  properties: {
                    regex: {
                      type: 'string',
                      minLength: 1,
                      description: 'As JavaScript writes it between slashes, with the flag `u`.'
                    }
                  }
                }
              ]
            }
          }
        }
      }
    ]
  },
  examples: [
    {
      options: ['api_keys.*', 'notes'],
      in: { _id: 'u1', api_keys: { openai: 'sk-1', other: null }, notes: ['a', 'b'] },
      out: { _id: 'u1', api_keys: { openai: '[redacted]', other: null }, notes: '[redacted]' }
    },
    {
      title: 'the last four characters stay',
      options: { fields: ['card'], keepLast: 4 },
      in: [
        { _id: 'u1', card: '4111111111111111' },
        { _id: 'u2', card: '123' }
      ],
      out: [
        { _id: 'u1', card: '************1111' },
        { _id: 'u2', card: '**3' }
      ]
    },
    {
      title: 'addresses inside of texts',
      options: { patterns: ['email', 'phone'], with: '…' },
      in: { _id: 't1', messages: [{ content: 'Write to ada@example.com or call +39 06 1234567.' }] },
      out: { _id: 't1', messages: [{ content: 'Write to … or call ….' }] }
    }
  ],
  short: { usage: 'redact:field,field', parse: argument => names(argument) },
  make: options => redact('length' in options ? { fields: options } : options)
}

/**
 * Black out values, or what in a text matches patterns.
 *
 * @throws {DocferryError} DOCFERRY_CONFIG for what is no path or no regular expression
 */
export function redact({ fields, with: replacement = '[redacted]', keepLast = 0, patterns }: RedactOptions): Stage {
  const paths = fields?.map(parseFieldPath)
  const black = (text: string): string => (keepLast > 0 ? mask(text, keepLast) : (replacement ?? ''))
  if (patterns && replacement === null) throw configError('with: null can not stand inside of a text')
  if (!patterns && !paths) throw configError('fields: give fields, patterns, or both')
  const replaceText = patterns ? replacer(patterns, black) : undefined
  const change: Change = replaceText
    ? value => changeTexts(value, replaceText)
    : value => {
        if (value === null) return null
        const text = keepLast > 0 && typeof value !== 'boolean' ? textOf(value) : undefined
        return text === undefined ? replacement : black(text)
      }
  const apply = paths
    ? changer(paths.map(path => [path, change] as const))
    : (document: Document) => changeFields(document, replaceText!, '_id')
  return {
    name: 'redact',
    mayRepeatIds: false,
    changesInPlace: false,
    ...(paths && { fields: fieldsOf(paths) }),
    apply
  }
}

function mask(text: string, keepLast: number): string {
  const characters = [...text]
  const hidden = characters.length - Math.min(keepLast, Math.floor(characters.length / 2))
  return '*'.repeat(hidden) + characters.slice(hidden).join('')
}

function replacer(patterns: NonNullable<RedactOptions['patterns']>, black: (text: string) => string): (text: string) => string {
  const all = patterns.map((pattern, index) =>
    typeof pattern === 'string' ? textPatterns[pattern] : { pattern: regexOf(pattern.regex, index) }
  )
  return text => all.reduce((rest, pattern) => replaceIn(rest, pattern, black), text)
}

function regexOf(text: string, index: number): RegExp {
  const issue = (message: string, cause?: unknown): Error => configError(`patterns[${index}].regex: ${message}`, cause)
  let regex: RegExp
  try {
    regex = new RegExp(text, 'gu')
  } catch (error) {
    throw issue(describeError(error), error)
  }
  if (regex.test('')) throw issue('it matches the empty text, and so everywhere')
  regex.lastIndex = 0
  return regex
}

/** The same value where nothing in it changes. */
function changeTexts(value: Value, replaceText: (text: string) => string): Value {
  if (typeof value === 'string') return replaceText(value)
  if (isMap(value)) return changeFields(value, replaceText)
  if (!Array.isArray(value)) return value
  let copy: Value[] | undefined
  for (let index = 0; index < value.length; index++) {
    const changed = changeTexts(value[index]!, replaceText)
    if (changed !== value[index]) (copy ??= [...value])[index] = changed
  }
  return copy ?? value
}

function changeFields<Fields extends { [key: string]: Value }>(map: Fields, replaceText: (text: string) => string, kept?: string): Fields {
  let copy: Fields | undefined
  for (const key of Object.keys(map)) {
    if (key === kept) continue
    const changed = changeTexts(map[key]!, replaceText)
    if (changed !== map[key]) setField((copy ??= { ...map }), key, changed)
  }
  return copy ?? map
}
