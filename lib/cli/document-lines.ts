/** Documents as lines of JSON, values of classes as envelopes, for people to compare. */
import { createHash } from 'node:crypto'
import type { Document, Value } from '../types.ts'
import { canonicalBytes, isMap, looksLikeEnvelope, setField, stringifyJson } from '../values/index.ts'
import type { ValueMap } from '../values/index.ts'
import { formatCount } from '../values/format-count.ts'

export interface DocumentLine {
  /** With its indentation, and the comma behind it. */
  readonly text: string
  /** Of the map or list that it stands in: `basic_info`, `messages[2]`; empty: the document. */
  readonly path: string
}

export interface LineOptions {
  /** A document by whose order fields stand, as far as it has them. */
  readonly like?: Document | undefined
  /** Numbers and sets that are equal to that document's are written as they are there: 1 as 1.0. */
  readonly byValue?: boolean | undefined
}

export function documentLines(document: Document, { like, byValue = false }: LineOptions = {}): DocumentLine[] {
  const lines: DocumentLine[] = []
  write(document, { like, byValue, indent: '', key: '', comma: '', path: '', within: '' }, lines)
  return lines
}

interface Place {
  readonly like: Value | undefined
  readonly byValue: boolean
  readonly indent: string
  readonly key: string
  readonly comma: string
  /** Of the value. */
  readonly path: string
  /** Of what it stands in. */
  readonly within: string
}

function write(value: Value, place: Place, lines: DocumentLine[]): void {
  const { indent, key, comma, path, within } = place
  const members = membersOf(value, place)
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}']
  if (members === undefined) return void lines.push({ text: `${indent}${key}${leafText(value, place)}${comma}`, path: within })
  if (members.length === 0) return void lines.push({ text: `${indent}${key}${open}${close}${comma}`, path: within })
  lines.push({ text: `${indent}${key}${open}`, path: within })
  for (const [index, member] of members.entries()) {
    const last = index === members.length - 1
    write(member.value, { ...member, byValue: place.byValue, indent: `${indent}  `, comma: last ? '' : ',', within: path }, lines)
  }
  lines.push({ text: `${indent}${close}${comma}`, path: within })
}

function leafText(value: Value, { like, byValue }: Place): string {
  const isSame = byValue && like !== undefined && Buffer.compare(bytesOf(value), bytesOf(like)) === 0
  return stringifyJson(isSame ? like : value)
}

function bytesOf(value: Value): Uint8Array {
  return canonicalBytes({ _id: '', value })
}

interface Member extends Pick<Place, 'like' | 'key' | 'path'> {
  readonly value: Value
}

/** Undefined where the value is written in one line. */
function membersOf(value: Value, { like, path }: Place): Member[] | undefined {
  if (Array.isArray(value)) {
    const others = Array.isArray(like) ? like : []
    return value.map((member, index) => ({ value: member, like: others[index], key: '', path: `${path}[${index}]` }))
  }
  if (!isMap(value) || looksLikeEnvelope(value)) return undefined
  const others = isMap(like) ? like : {}
  const keys = Object.keys(value).filter(key => value[key] !== undefined)
  const first = Object.keys(others).filter(key => Object.hasOwn(value, key) && value[key] !== undefined)
  const ordered = [...first, ...keys.filter(key => !Object.hasOwn(others, key))]
  return ordered.map(key => ({
    value: value[key]!,
    like: Object.hasOwn(others, key) ? others[key] : undefined,
    key: `${JSON.stringify(key)}: `,
    path: /^[\w$-]+$/.test(key) ? `${path === '' ? '' : `${path}.`}${key}` : `${path}[${JSON.stringify(key)}]`
  }))
}

/** The same document with other texts; names of fields stay. */
export function withTexts(document: Document, change: (text: string) => string): Document {
  const changed = (value: Value): Value => {
    if (typeof value === 'string') return change(value)
    if (Array.isArray(value)) return value.map(changed)
    if (!isMap(value)) return value
    const copy: ValueMap = {}
    for (const key of Object.keys(value)) if (value[key] !== undefined) setField(copy, key, changed(value[key]))
    return copy
  }
  return changed(document) as Document
}

/** How many characters of a long text are shown. */
const shownCharacters = 120

/** A text that differs from another differs when it is shortened, too. */
export function shortened(text: string): string {
  if (text.length <= shownCharacters + 60) return text
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 6)
  return `${text.slice(0, shownCharacters).replace(/[\ud800-\udbff]$/, '')}… (${formatCount(text.length)} characters, #${digest})`
}
