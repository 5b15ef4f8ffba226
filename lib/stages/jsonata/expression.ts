/** JSONata expressions: checked when they are made, and with errors that hold nothing of a document. */
import jsonata from 'jsonata'
import { closest } from '../../config/suggest.ts'
import { DocferryError } from '../../errors.ts'
import { decodeEnvelopes, Timestamp } from '../../values/index.ts'
import type { Value } from '../../values/index.ts'
import { copyValue } from '../copy-value.ts'
import { plainValue, plainView } from '../plain-view.ts'

export interface Expression {
  readonly ast: jsonata.ExprNode
  /** Whether it leaves marks on lists that it is given. */
  readonly marksLists: boolean
  /** @throws {Error} which says where in the expression, and why */
  evaluate(input: unknown, bindings: Readonly<Record<string, unknown>>): Promise<unknown>
}

/** Longest time for one document: an expression that never ends would let nothing else happen, not even an interruption. */
const timeoutMs = 60_000

/** Calls inside of one another, of which JSONata makes several for each of a function; more would fill the memory before the time is over. */
const mostCalls = 20_000

const unrepeatable = ['now', 'millis', 'random', 'shuffle']

/**
 * @param variables names that the bindings of each evaluation have
 * @throws {DocferryError} DOCFERRY_CONFIG, with the place in the expression
 */
export async function compileExpression(text: string, variables: readonly string[]): Promise<Expression> {
  const compiled = parse(text)
  const ast = compiled.ast()
  for (const { name, position } of await unboundVariables(ast, [...variables, ...Object.keys(functions)])) {
    const place = placeIn(text, position)
    if (unrepeatable.includes(name)) throw wrong(`${place}: $${name} gives another result when a run is gone on with`)
    if (name === 'eval') throw wrong(`${place}: $eval would run what documents hold`)
    const meant = closest(name, [...knownFunctions, ...Object.keys(functions), ...variables])
    throw wrong(`${place}: there is no variable or function $${name}${meant === undefined ? '' : ` (did you mean $${meant}?)`}`)
  }
  for (const [name, { call, signature }] of Object.entries(functions)) compiled.registerFunction(name, call, signature)
  return {
    ast,
    marksLists: nodesOf(ast).some(node => 'keepArray' in node || 'keepSingletonArray' in node),
    evaluate: (input, bindings) =>
      compiled.evaluate(input, bindings).catch((error: unknown) => {
        throw failureOf(error, text)
      })
  }
}

function parse(text: string): jsonata.Expression {
  try {
    return jsonata(text, { timeout: timeoutMs, stack: mostCalls })
  } catch (error) {
    const { position, message } = error as jsonata.JsonataError
    throw wrong(`${placeIn(text, position)}: ${message}`)
  }
}

function wrong(message: string): DocferryError {
  return new DocferryError('DOCFERRY_CONFIG', `expression, ${message}`)
}

/** JSONata counts to the end of what it has read. */
function placeIn(text: string, position = 0): string {
  const lines = text.slice(0, position).split('\n')
  const character = `character ${Math.max(1, lines.at(-1)!.length)}`
  return text.trim().includes('\n') ? `line ${lines.length}, ${character}` : character
}

interface UserFunction {
  readonly call: (value: unknown) => unknown
  readonly signature: string
}

/** Beside JSONata's own. */
const functions: Readonly<Record<string, UserFunction>> = {
  // JSONata's goes through JSON, which has no times and no bytes.
  clone: { call: value => copyValue(value as Value), signature: '<(oa)-:o>' },
  plain: { call: value => (value === undefined ? undefined : plainView(value as Value, textOrPlain)), signature: '<x-:x>' },
  time: {
    call(text) {
      if (text === undefined) return undefined
      const time = decodeEnvelopes({ $date: text as string })
      if (time instanceof Timestamp) return time
      throw { code: ownCode, message: '$time takes a text such as 2026-01-31T12:00:00Z' }
    },
    signature: '<s-:x>'
  }
}

const ownCode = 'docferry'

/** All digits of a number that a double doesn't hold. */
function textOrPlain(value: Value): unknown {
  return typeof value === 'bigint'
    ? String(value)
    : typeof value === 'object' && value !== null && 'digits' in value
      ? String(value)
      : plainValue(value)
}

interface Node {
  readonly type?: string
  readonly value?: unknown
  readonly position?: number
  readonly [field: string]: unknown
}

function nodesOf(ast: object): Node[] {
  const nodes = new Set<object>([ast])
  for (const node of nodes) {
    for (const child of Object.values(node) as unknown[]) if (typeof child === 'object' && child !== null) nodes.add(child)
  }
  return [...nodes] as Node[]
}

/** Variables that the expression does not bind itself, and that mean nothing, or that nobody should use. */
async function unboundVariables(ast: object, bound: readonly string[]): Promise<{ name: string; position: number | undefined }[]> {
  const nodes = nodesOf(ast)
  const names = new Set(['', '$', ...bound])
  for (const { type, value, lhs, focus, index, ...node } of nodes) {
    if (type === 'bind') names.add((lhs as Node).value as string)
    if (type === 'lambda') for (const argument of node['arguments'] as Node[]) names.add(argument.value as string)
    if (type === 'index') names.add(value as string)
    for (const name of [focus, index]) if (typeof name === 'string') names.add(name)
  }
  const unbound = []
  for (const { type, value, position } of nodes) {
    if (type !== 'variable' || names.has(value as string)) continue
    const name = value as string
    const means = unrepeatable.includes(name) || name === 'eval' ? undefined : ((await jsonata(`$${name}`).evaluate({})) as unknown)
    if (means === undefined) unbound.push({ name, position })
  }
  return unbound
}

/** Their messages quote values. */
const quoting = /^(D1001|D1002|T1003|D1009|D1013|T2007|T2009|T2011|T2012|D2014|D3030|D306.|D3100|D3110|D3130|D3132|D3133|D3140)$/

function failureOf(error: unknown, text: string): Error {
  const { code, position, message, value, value2, exp } = error as Record<string, unknown> & jsonata.JsonataError
  if (typeof code !== 'string') return new Error(`the expression fails with a ${error instanceof Error ? error.name : 'value'}`)
  let told = message
  if (quoting.test(code)) {
    for (const quoted of [value, value2, exp]) {
      if (quoted !== undefined) told = told.replaceAll(JSON.stringify(quoted) ?? 'undefined', '(not shown)')
    }
  }
  return new Error(`the expression fails${position === undefined ? '' : ` at ${placeIn(text, position)}`}: ${told}`)
}

/** For suggestions. */
const knownFunctions =
  'sum count max min average string substring substringBefore substringAfter lowercase uppercase length trim pad match contains replace split join formatNumber formatBase formatInteger parseInteger number floor ceil round abs sqrt power boolean not map zip filter single reduce sift keys lookup append exists spread merge reverse each error assert type sort distinct base64encode base64decode encodeUrlComponent encodeUrl decodeUrlComponent decodeUrl toMillis fromMillis clone'.split(
    ' '
  )
