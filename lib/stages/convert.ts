import type { Stage } from '../types.ts'
import type { Value } from '../values/index.ts'
import { fieldsOf } from './field-path.ts'
import { changer, parseFieldPath } from './change-values.ts'
import type { Change } from './change-values.ts'
import { configError } from './config-error.ts'
import { conversion, formatsOf, sourceFormats, targetTypes } from './conversions.ts'
import type { ConversionOptions, SourceFormat, TargetType } from './conversions.ts'
import { mapOfPaths } from './path-schema.ts'
import { pairs } from './short-forms.ts'
import type { StageSpec } from './stage-spec.ts'
import { kindText } from './text-of.ts'

const otherwises = ['fail', 'keep', 'null', 'remove'] as const
type Otherwise = (typeof otherwises)[number]

interface FieldOptions extends ConversionOptions {
  readonly otherwise?: Otherwise
}

interface ConvertOptions {
  readonly fields: Readonly<Record<string, TargetType | FieldOptions>>
  readonly from?: SourceFormat
  readonly zone?: string
  readonly otherwise?: Otherwise
}

const from = {
  enum: sourceFormats,
  description:
    'How the value is written now. For times: `iso` (the default), `epoch-s` or `epoch-ms`. For bytes: `base64` (the default), `base64url`, `hex` or `utf-8`.'
}
const zone = {
  type: 'string',
  pattern: '^(?:Z|[+-]\\d\\d:\\d\\d)$',
  description: 'The offset of times as text that name none: `Z` or `+02:00`. Without it, these can not be converted.'
}
const otherwise = {
  enum: otherwises,
  default: 'fail',
  description: 'What becomes of a value that can not be converted: the stage fails, the value stays, becomes null, or is removed.'
}

export const convertStage: StageSpec<ConvertOptions> = {
  name: 'convert',
  summary: 'give values another type',
  description: [
    'Maps each path to a type:',
    '- `string`: of text, numbers, booleans, times (ISO text), references (their path)',
    '- `number`, `integer`, `double`: of numbers, and of text that is one in the form of JSON; nothing is rounded',
    '- `boolean`: of true/false, yes/no, 1/0',
    '- `date`: a time, of ISO text or, with `from`, of seconds or milliseconds since 1970; `iso`, `epoch-s`, `epoch-ms`: the same as text or number',
    '- `bytes`: of text in base64 or, with `from`, another encoding; `base64`, `hex`: the same as text',
    '- `json`: as JSON text, with envelopes for what JSON has no type for; `parse-json`: what such a text stands for',
    '',
    'What has the type already, what is null, and what is missing stays as it is.'
  ].join('\n'),
  schema: {
    type: 'object',
    required: ['fields'],
    additionalProperties: false,
    properties: {
      fields: mapOfPaths('Path to type.', {
        anyOf: [
          { enum: targetTypes },
          {
            type: 'object',
            required: ['to'],
            additionalProperties: false,
            properties: { to: { enum: targetTypes, description: 'The type.' }, from, zone, otherwise }
          }
        ]
      }),
      from: { ...from, description: `${from.description} For all fields that don't say so themselves.` },
      zone,
      otherwise
    }
  },
  examples: [
    {
      options: { fields: { created_at: 'date', 'usage[*].cost': 'number', id: 'string' } },
      in: { _id: 'u1', created_at: '2024-05-01T10:00:00Z', usage: [{ cost: '1.5' }, { cost: 2 }], id: 7 },
      out: { _id: 'u1', created_at: conversion({ to: 'date' })('2024-05-01T10:00:00Z')!, usage: [{ cost: 1.5 }, { cost: 2 }], id: '7' }
    },
    {
      title: 'seconds since 1970 to ISO text, and what is no time to null',
      options: { fields: { at: { to: 'iso', from: 'epoch-s' } }, otherwise: 'null' },
      in: [
        { _id: 'e1', at: 1714557600.25 },
        { _id: 'e2', at: 'soon' }
      ],
      out: [
        { _id: 'e1', at: '2024-05-01T10:00:00.250Z' },
        { _id: 'e2', at: null }
      ]
    }
  ],
  short: {
    usage: 'convert:path=number,other=date',
    parse: argument => ({ fields: pairs(argument) as Record<string, TargetType> })
  },
  make: convert
}

/**
 * Give values another type.
 *
 * @throws {DocferryError} DOCFERRY_CONFIG for what is no path, or a `from` that the type does not have
 */
export function convert({ fields, ...common }: ConvertOptions): Stage {
  const changes = Object.entries(fields).map(([text, field]) => {
    const own: FieldOptions = typeof field === 'string' ? { to: field } : field
    const formats = formatsOf[own.to]
    if (own.from !== undefined && !formats?.includes(own.from)) {
      throw configError(`fields.${text}.from: ${own.to} is not made of ${own.from}${formats ? `: it is one of ${formats.join(', ')}` : ''}`)
    }
    const inherited = common.from !== undefined && formats?.includes(common.from) ? { from: common.from } : {}
    return [parseFieldPath(text), changeOf({ ...common, from: undefined, ...inherited, ...own })] as const
  })
  return {
    name: 'convert',
    mayRepeatIds: false,
    changesInPlace: false,
    fields: fieldsOf(changes.map(([path]) => path)),
    apply: changer(changes)
  }
}

function changeOf({ otherwise: how = 'fail', ...options }: FieldOptions): Change {
  const convertValue = conversion(options)
  return value => {
    if (value === null) return null
    const converted = convertValue(value)
    if (converted !== undefined || how === 'remove') return converted
    if (how === 'keep') return value
    if (how === 'null') return null
    throw new Error(whyNot(value, options))
  }
}

function whyNot(value: Value, { to, from: format, zone: offset }: ConversionOptions): string {
  const cannot = `${kindText(value)} that can't be converted to ${to}`
  if (!formatsOf[to]?.includes('iso')) return format ? `${cannot} from ${format}` : cannot
  if (format !== undefined && format !== 'iso') return `${cannot} from ${format}`
  if (typeof value !== 'string') return kindText(value) === 'a number' ? `${cannot}: say from: epoch-s or epoch-ms` : cannot
  return offset === undefined
    ? `${cannot}: it is no time in ISO form, or names no offset (say zone: Z)`
    : `${cannot}: it is no time in ISO form`
}
