/** What may stand behind a path in a template: `| trim | slice:0:8`. */
import { didYouMean } from '../config/suggest.ts'
import { DocferryError } from '../errors.ts'
import type { Value } from '../types.ts'
import { stringifyJson } from '../values/index.ts'
import { kindText, textOf } from './text-of.ts'

/** @param source of the value, for messages. Nothing (undefined, null) passes as it is, but through `default`. */
export type Filter = (value: Value | undefined, source: string) => Value | undefined

interface FilterKind {
  /** `slice:from:to` */
  readonly usage: string
  /** How many arguments it takes. */
  readonly counts: readonly number[]
  readonly make: (args: readonly Argument[]) => Filter
}

interface Argument {
  readonly text: string
  readonly isQuoted: boolean
}

const kinds: Readonly<Record<string, FilterKind>> = {
  upper: { usage: 'upper', counts: [0], make: () => onText(text => text.toUpperCase()) },
  lower: { usage: 'lower', counts: [0], make: () => onText(text => text.toLowerCase()) },
  trim: { usage: 'trim', counts: [0], make: () => onText(text => text.trim()) },
  slice: {
    usage: 'slice:from:to',
    counts: [1, 2],
    make(args) {
      const [from, to] = args.map(wholeNumber)
      return onText(text => text.slice(from, to))
    }
  },
  replace: {
    usage: 'replace:old:new',
    counts: [2],
    make: ([old, next]) => onText(text => text.replaceAll(old!.text, () => next!.text))
  },
  json: { usage: 'json', counts: [0], make: () => value => (value === undefined ? undefined : stringifyJson(value)) },
  default: {
    usage: 'default:value',
    counts: [0, 1],
    make([argument]) {
      const other = argument ? literal(argument) : ''
      return value => value ?? other
    }
  }
}

/** @throws {DocferryError} DOCFERRY_CONFIG */
export function filterFor(text: string): Filter {
  const [{ text: name }, ...args] = split(text) as [Argument, ...Argument[]]
  const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined
  const usages = [...Object.values(kinds).map(({ usage }) => usage), 'optional']
  if (!kind)
    throw badFilter(`there is no filter ${name}${didYouMean(name, [...Object.keys(kinds), 'optional'])}; there are ${usages.join(', ')}`)
  if (!kind.counts.includes(args.length)) throw badFilter(`the filter ${name} is written ${kind.usage}`)
  return kind.make(args)
}

function onText(change: (text: string) => string): Filter {
  return (value, source) => {
    if (value === undefined || value === null) return value
    const text = textOf(value)
    if (text === undefined) throw new Error(`{{ ${source} }} is ${kindText(value)}, and the filters behind it are for text`)
    return change(text)
  }
}

/** `name:argument:"an argument: quoted"` */
function split(text: string): Argument[] {
  const parts: { text: string; isQuoted: boolean }[] = [{ text: '', isQuoted: false }]
  for (const [piece] of text.matchAll(/"(?:[^"\\]|\\.)*"|[^]/gu)) {
    const last = parts.at(-1)!
    if (piece === ':') parts.push({ text: '', isQuoted: false })
    else if (piece.length > 1 && piece.startsWith('"')) {
      last.text = last.text.trim() + unquote(piece)
      last.isQuoted = true
    } else if (!last.isQuoted || piece.trim() !== '') last.text += piece
  }
  return parts.map(part => (part.isQuoted ? part : { ...part, text: part.text.trim() }))
}

function unquote(piece: string): string {
  try {
    return JSON.parse(piece) as string
  } catch {
    throw badFilter(`${piece} is no quoted text as JSON writes it`)
  }
}

function wholeNumber({ text }: Argument): number {
  if (!/^-?\d{1,9}$/.test(text)) throw badFilter(`the filter slice takes whole numbers: slice:0:8`)
  return Number(text)
}

/** `null`, `true` and numbers are themselves, unless they are quoted. */
function literal({ text, isQuoted }: Argument): Value {
  if (isQuoted || !/^(?:null|true|false|-?\d+(?:\.\d+)?)$/.test(text)) return text
  return JSON.parse(text) as Value
}

function badFilter(message: string): DocferryError {
  return new DocferryError('DOCFERRY_CONFIG', message)
}
