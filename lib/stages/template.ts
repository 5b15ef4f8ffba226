/**
 * Values that are made of a document: any value in which texts may hold `{{ path }}`, `{{ $collection }}` or `{{ $source }}`, each perhaps with
 * filters behind it: `{{ name | trim | upper }}`. A text that is nothing but one placeholder stands for the value itself, of whatever type.
 */
import { didYouMean } from '../config/suggest.ts'
import { DocferryError } from '../errors.ts'
import type { Document, StageContext, Value } from '../types.ts'
import { decodeEnvelopes, describeOne, kindIfAny, setField } from '../values/index.ts'
import { copyValue } from './copy-value.ts'
import { isMap, parsePath, valueAt } from './field-path.ts'
import { filterFor } from './template-filters.ts'
import type { Filter } from './template-filters.ts'
import { kindText, textOf } from './text-of.ts'

/**
 * @returns undefined where there is to be no value: an `optional` placeholder leads nowhere
 * @throws {Error} where a placeholder leads nowhere, or to what can't stand in a text
 */
export type Template = (document: Document, context: StageContext) => Value | undefined

/**
 * @param value as options hold it: its envelopes are decoded
 * @throws {DocferryError} DOCFERRY_CONFIG
 */
export function compileTemplate(value: unknown): Template {
  return compileValue(decodeEnvelopes(value as Value))
}

/**
 * A template whose value is always text, such as an id.
 *
 * @throws {DocferryError} DOCFERRY_CONFIG
 */
export function compileTextTemplate(text: string): (document: Document, context: StageContext) => string {
  return inText(piecesOf(text))
}

/** The top-level fields that a template's placeholders lead to. @param value as for `compileTemplate` */
export function fieldsOfTemplate(value: unknown): string[] {
  const fields: string[] = []
  const visit = (part: Value): void => {
    if (typeof part === 'string') for (const piece of piecesOf(part)) fields.push(...(typeof piece === 'string' ? [] : piece.fields))
    else if (Array.isArray(part)) part.forEach(visit)
    else if (isMap(part)) Object.values(part).forEach(visit)
  }
  visit(decodeEnvelopes(value as Value))
  return fields
}

function compileValue(value: Value): Template {
  if (typeof value === 'string') return compileText(value)
  if (Array.isArray(value)) return compileList(value.map(compileValue))
  if (isMap(value)) return compileMap(Object.keys(value).map(key => [key, compileValue(value[key]!)]))
  if (value !== undefined && kindIfAny(value) === undefined) throw new DocferryError('DOCFERRY_CONFIG', describeOne(value))
  return () => value
}

function compileList(members: readonly Template[]): Template {
  return (document, context) => members.map(make => make(document, context)).filter(member => member !== undefined)
}

function compileMap(fields: readonly (readonly [string, Template])[]): Template {
  return (document, context) => {
    const map: { [key: string]: Value } = {}
    for (const [key, make] of fields) {
      const member = make(document, context)
      if (member !== undefined) setField(map, key, member)
    }
    return map
  }
}

function compileText(text: string): Template {
  const pieces = piecesOf(text)
  if (pieces.every(piece => typeof piece === 'string')) {
    const constant = pieces.join('')
    return () => constant
  }
  const [sole] = pieces
  if (pieces.length > 1 || typeof sole !== 'object') return inText(pieces)
  return (document, context) => {
    const value = valueOf(sole, document, context)
    if (value === undefined && !sole.isOptional) throw leadsNowhere(sole)
    return value === undefined ? undefined : copyValue(value)
  }
}

function inText(pieces: readonly Piece[]): (document: Document, context: StageContext) => string {
  return (document, context) => {
    let text = ''
    for (const piece of pieces) text += typeof piece === 'string' ? piece : textIn(piece, document, context)
    return text
  }
}

function textIn(piece: Placeholder, document: Document, context: StageContext): string {
  const value = valueOf(piece, document, context)
  if (value === undefined || value === null) {
    if (piece.isOptional) return ''
    throw leadsNowhere(piece, value)
  }
  const text = textOf(value)
  if (text === undefined) throw new Error(`{{ ${piece.source} }} is ${kindText(value)}, which can't stand in a text: with | json it can`)
  return text
}

function leadsNowhere({ source }: Placeholder, value?: null): Error {
  const what = value === null ? 'is null' : 'is not there'
  const advice = `write {{ ${source} | default:x }}, or | optional`
  if (!looksLikeExpression.test(source)) return new Error(`{{ ${source} }} ${what}: ${advice}`)
  return new Error(`{{ ${source} }} is read as the name of a field, which ${what}: to reckon, take the stage map; otherwise, ${advice}`)
}

/** A field may be called so, but templates have no calls or operators. */
const looksLikeExpression = /[()<>=!?&+*]/

interface Placeholder {
  /** Without its filters, for messages. */
  readonly source: string
  readonly read: Template
  /** Top-level ones that it reads. */
  readonly fields: readonly string[]
  readonly filters: readonly Filter[]
  readonly isOptional: boolean
}

type Piece = string | Placeholder

function valueOf({ source, read, filters }: Placeholder, document: Document, context: StageContext): Value | undefined {
  let value = read(document, context)
  for (const filter of filters) value = filter(value, source)
  return value
}

/** `\{{` is no placeholder. Quoted text in a placeholder may hold anything. */
const placeholder = /\\\{\{|\{\{((?:"(?:[^"\\]|\\.)*"|(?!\}\})[^"])*)\}\}/g

function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = []
  let end = 0
  const addText = (piece: string): void => {
    if (piece === '') return
    if (piece.includes('{{')) throw badTemplate(text, 'a {{ has no }} behind it (a {{ that is text is written \\{{)')
    pieces.push(piece)
  }
  for (const match of text.matchAll(placeholder)) {
    addText(text.slice(end, match.index))
    pieces.push(match[1] === undefined ? '{{' : parsePlaceholder(match[1], text))
    end = match.index + match[0].length
  }
  addText(text.slice(end))
  return pieces.length === 0 ? [''] : pieces
}

const part = /(?:"(?:[^"\\]|\\.)*"|[^"|])+/g

function parsePlaceholder(inner: string, text: string): Placeholder {
  const [source = '', ...filters] =
    inner.split('|').length === 1 ? [inner.trim()] : [...inner.matchAll(part)].map(([found]) => found.trim())
  if (source === '') throw badTemplate(text, 'a placeholder names no field')
  const isOptional = filters.includes('optional')
  const others = filters.filter(filter => filter !== 'optional')
  const fields = source.startsWith('$') ? [] : [parsePath(source)[0] as string]
  return { source, read: readerOf(source, text), fields, filters: others.map(filter => filterFor(filter)), isOptional }
}

const variables: Readonly<Record<string, (context: StageContext) => string | undefined>> = {
  $collection: ({ collection }) => collection,
  $source: ({ source }) => source
}

function readerOf(source: string, text: string): Template {
  if (source.startsWith('$')) {
    if (!Object.hasOwn(variables, source)) {
      const names = Object.keys(variables)
      throw badTemplate(
        text,
        `there is no ${source}${didYouMean(source, names)}; there are ${names.join(' and ')} (a field of that name is quoted)`
      )
    }
    const variable = variables[source]!
    return (_, context) => variable(context)
  }
  const path = parsePath(source)
  const [name] = path
  if (path.length === 1 && typeof name === 'string') return document => (Object.hasOwn(document, name) ? document[name] : undefined)
  return document => valueAt(document, path)
}

function badTemplate(text: string, message: string): DocferryError {
  return new DocferryError('DOCFERRY_CONFIG', `the template ${JSON.stringify(text)}: ${message}`)
}
