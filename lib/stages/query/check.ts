/** What is wrong with a query, before any document is asked. */
import { didYouMean } from '../../config/suggest.ts'
import { isMap } from '../../values/index.ts'
import type { Value } from '../../values/index.ts'
import { expressionNames } from './expression.ts'
import { queryOperators, typeTests } from './operators.ts'

const joining = ['$and', '$or', '$nor']
const fieldOperators = [...Object.keys(queryOperators), '$not', '$options']

const refused: Readonly<Record<string, string>> = {
  $where: 'runs code: write a stage of your own (module) for that',
  $function: 'runs code: write a stage of your own (module) for that',
  $accumulator: 'runs code: write a stage of your own (module) for that',
  $jsonSchema: 'use the stage validate',
  $text: 'needs an index of a database: use $regex',
  $rand: 'gives another result each time: use the stage sample',
  $sampleRate: 'gives another result each time: use the stage sample'
}

/** Envelopes whose content was wrong: a right one is a value by now. */
const envelopes: Readonly<Record<string, string>> = {
  $date: 'a time is written { $date: 2026-01-31T12:00:00Z }, or as that text',
  $numberLong: 'an integer is written { $numberLong: "9007199254740993" }',
  $numberDecimal: 'a decimal is written { $numberDecimal: "0.1" }',
  $binary: 'bytes are written { $binary: { base64: "aGk=", subType: "00" } }'
}

/** @returns every issue, as `age.$gtt: what is wrong` */
export function queryIssues(query: Value): string[] {
  const issues: string[] = []
  checkQuery(query, '', issues)
  return issues
}

function checkQuery(query: unknown, place: string, issues: string[]): void {
  if (!isMap(query as Value)) return void issues.push(`${place || 'query'}: a map of fields and what they should be is wanted`)
  const at = (key: string): string => (place ? `${place}.${key}` : key)
  for (const [key, operand] of Object.entries(query as object) as [string, Value][]) {
    if (joining.includes(key)) checkList(operand, at(key), issues)
    else if (key === '$expr') checkExpression(operand, at(key), issues)
    else if (key.startsWith('$')) issues.push(`${at(key)}: ${whyNoJoining(key)}`)
    else checkField(key, operand, at(key), issues)
  }
}

function checkList(queries: Value, place: string, issues: string[]): void {
  if (!Array.isArray(queries) || queries.length === 0) return void issues.push(`${place}: a list of queries is wanted`)
  for (const [index, query] of queries.entries()) checkQuery(query, `${place}[${index}]`, issues)
}

function checkField(field: string, operand: Value, place: string, issues: string[]): void {
  if (field === '__proto__') issues.push(`${place}: no query can ask for a field of this name`)
  const bracket = /\.?\[(\d+|\*)\]/.exec(field)
  if (bracket) {
    const better = field.replace(/\.?\[(\d+|\*)\]/g, (_, step: string) => (step === '*' ? '' : `.${step}`))
    issues.push(`${place}: a query looks into every member of a list by itself, and at one by its number: write ${better}`)
  } else if (field.split('.').includes('')) issues.push(`${place}: a name is missing before or after a point`)
  checkPredicate(operand, place, issues)
}

function checkPredicate(operand: Value, place: string, issues: string[]): void {
  if (!isMap(operand)) return
  const keys = Object.keys(operand)
  if (!keys.some(key => key.startsWith('$'))) return
  for (const key of keys) {
    if (!key.startsWith('$')) issues.push(`${place}: ${key} stands beside operators; for a field inside it write "${place}.${key}"`)
    else if (!fieldOperators.includes(key)) issues.push(`${place}.${key}: ${whyNoOperator(key)}`)
    else checkOperand(key, operand, `${place}.${key}`, issues)
  }
}

function checkOperand(operator: string, predicate: { [key: string]: Value }, place: string, issues: string[]): void {
  const operand = predicate[operator]!
  const wrong = (wanted: string): void => void issues.push(`${place}: ${wanted} is wanted`)
  switch (operator) {
    case '$not':
      if (isPattern(operand)) return
      if (!isMap(operand) || !Object.keys(operand).some(key => key.startsWith('$'))) return wrong('a map of operators, as in { $gt: 5 },')
      return checkPredicate(operand, place, issues)
    case '$in':
    case '$nin':
      return Array.isArray(operand) ? undefined : wrong('a list of values')
    case '$all':
      if (!Array.isArray(operand) || operand.length === 0) return wrong('a list of values')
      for (const [index, member] of operand.entries())
        if (isMap(member) && '$elemMatch' in member) checkOperand('$elemMatch', member, `${place}[${index}]`, issues)
      return
    case '$elemMatch':
      if (!isMap(operand)) return wrong('a query for the members')
      if (Object.keys(operand).some(key => key.startsWith('$') && !joining.includes(key) && key !== '$expr'))
        return checkPredicate(operand, place, issues)
      return checkQuery(operand, place, issues)
    case '$exists':
      return typeof operand === 'boolean' || operand === 0 || operand === 1 ? undefined : wrong('true or false')
    case '$size':
      return typeof operand === 'number' && Number.isInteger(operand) && operand >= 0 ? undefined : wrong('a whole number')
    case '$type':
      for (const name of [operand].flat())
        if (!Object.hasOwn(typeTests, String(name)))
          issues.push(`${place}: there is no type ${String(name)}${didYouMean(String(name), Object.keys(typeTests))}`)
      return
    case '$mod':
      if (!Array.isArray(operand) || operand.length !== 2 || !operand.every(Number.isSafeInteger) || operand[0] === 0)
        wrong('[divisor, remainder], two whole numbers,')
      return
    case '$regex':
      return checkPattern(operand, predicate['$options'], place, issues)
    case '$options':
      if (predicate['$regex'] === undefined) issues.push(`${place}: stands beside $regex only`)
      return
    case '$bitsAllSet':
    case '$bitsAnySet':
    case '$bitsAllClear':
    case '$bitsAnyClear':
      if (![operand].flat().every(bit => Number.isSafeInteger(bit) && (bit as number) >= 0))
        wrong('a whole number, or a list of the places of bits,')
  }
}

function isPattern(value: unknown): boolean {
  return value instanceof RegExp
}

function checkPattern(pattern: Value, options: Value | undefined, place: string, issues: string[]): void {
  if (typeof pattern !== 'string' && !isPattern(pattern)) return void issues.push(`${place}: a regular expression is wanted`)
  if (options !== undefined && (typeof options !== 'string' || !/^[imsu]*$/.test(options))) {
    return void issues.push(`${place.replace(/\$regex$/, '$options')}: letters of i, m, s and u are wanted`)
  }
  const problem = patternProblem(pattern as string, options)
  if (problem !== undefined) issues.push(`${place}: ${problem}; options such as (?i) go into $options`)
}

function patternProblem(pattern: string, flags: string | undefined): string | undefined {
  try {
    new RegExp(pattern, flags).exec('')
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** Maps with one key that begins with `$` are operators, down to what `$literal` holds. */
function checkExpression(expression: Value, place: string, issues: string[]): void {
  if (typeof expression === 'string' && expression.startsWith('$$NOW'))
    issues.push(`${place}: $$NOW is another time when a run is gone on with: write the time`)
  if (Array.isArray(expression)) for (const [index, member] of expression.entries()) checkExpression(member, `${place}[${index}]`, issues)
  if (!isMap(expression)) return
  const keys = Object.keys(expression)
  const [first = ''] = keys
  if (first.startsWith('$') && keys.length > 1) issues.push(`${place}: ${keys.join(', ')}: one operator is wanted`)
  for (const key of keys) {
    const isOperator = key === first && key.startsWith('$')
    if (isOperator && !expressionNames.includes(key)) {
      issues.push(
        `${place}.${key}: ${refused[key] ?? envelopes[key] ?? `there is no such operator in $expr${didYouMean(key, expressionNames)}`}`
      )
    } else if (key !== '$literal') checkExpression(expression[key]!, `${place}.${key}`, issues)
  }
}

function whyNoJoining(name: string): string {
  if (refused[name]) return refused[name]
  if (fieldOperators.includes(name)) return `stands behind the name of a field: { field: { ${name}: ... } }`
  return `there is no such operator here${didYouMean(name, [...joining, '$expr'])}`
}

function whyNoOperator(name: string): string {
  if (refused[name] || envelopes[name]) return (refused[name] ?? envelopes[name])!
  if (joining.includes(name) || name === '$expr') return 'stands in place of a field, not behind one'
  return `there is no such operator${didYouMean(name, fieldOperators)}`
}
