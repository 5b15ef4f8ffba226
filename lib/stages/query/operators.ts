/** The operators of a query, on the values that documents hold: exact numbers and times, sets, bytes. mingo has those that join queries. */
import { Query } from 'mingo/query'
import type { Options } from 'mingo/types'
import { Decimal, decodeEnvelopes, Double, isMap, kindOf, Reference, Timestamp } from '../../values/index.ts'
import type { Value, ValueKind } from '../../values/index.ts'
import { areEqual, compareValues, membersOf } from './compare.ts'
import { someLeaf } from './leaves.ts'
import type { LeafTest } from './leaves.ts'

/** As mingo calls it: once for each place in a query, then for each document. */
export type QueryOperator = (selector: string, operand: never, options: Options) => (document: Value) => boolean

type ValueTest = (value: Value | undefined) => boolean

/** `$eq` and those like it: an operator of one value. */
const ofValue =
  <Operand>(makeTest: (operand: Operand, options: Options) => LeafTest): QueryOperator =>
  (selector, operand, options) =>
    someLeaf(selector, makeTest(operand, options))

const negated =
  <Operand>(makeTest: (operand: Operand, options: Options) => LeafTest): QueryOperator =>
  (selector, operand, options) => {
    const matches = someLeaf(selector, makeTest(operand, options))
    return document => !matches(document)
  }

export const queryOperators: Readonly<Record<string, QueryOperator>> = {
  $eq: ofValue(equalTo),
  $ne: negated(equalTo),
  $in: ofValue(oneOf),
  $nin: negated(oneOf),
  $gt: ofValue(ordered(compared => compared > 0)),
  $gte: ofValue(ordered(compared => compared >= 0)),
  $lt: ofValue(ordered(compared => compared < 0)),
  $lte: ofValue(ordered(compared => compared <= 0)),
  $exists: (selector, wanted: boolean | number) => {
    const exists = someLeaf(selector, leaf => leaf !== undefined)
    return document => exists(document) === Boolean(wanted)
  },
  $type: ofValue((names: string | number | readonly (string | number)[]) => {
    const tests = [names].flat().map(name => typeTests[name]!)
    return leaf => tests.some(test => leaf !== undefined && test(leaf)) || someMember(leaf, member => tests.some(test => test(member!)))
  }),
  $regex: ofValue((pattern: RegExp) => selfOrMember(matching(pattern))),
  $mod: ofValue(([divisor, remainder]: readonly [Value, Value]) =>
    selfOrMember(value => {
      const number = integerOf(value)
      return number !== undefined && number % BigInt(Number(divisor)) === BigInt(Number(remainder))
    })
  ),
  $bitsAllSet: ofValue(bits((value, mask) => (value & mask) === mask)),
  $bitsAnySet: ofValue(bits((value, mask) => (value & mask) !== 0n)),
  $bitsAllClear: ofValue(bits((value, mask) => (value & mask) === 0n)),
  $bitsAnyClear: ofValue(bits((value, mask) => (value & mask) !== mask)),
  $size: ofValue((size: Value) => leaf => areEqual(membersOf(leaf)?.length, size)),
  $all: (selector, operands: readonly Value[], options) => {
    const tests = operands.map(operand => {
      const criteria = isMap(operand) ? operand['$elemMatch'] : undefined
      return someLeaf(selector, criteria ? elementMatch(criteria, options) : equalTo(operand))
    })
    return document => tests.length > 0 && tests.every(test => test(document))
  },
  $elemMatch: ofValue(elementMatch)
}

/** The value itself, or one of its members. */
function selfOrMember(test: ValueTest): LeafTest {
  return leaf => test(leaf) || someMember(leaf, test)
}

function someMember(leaf: Value | undefined, test: ValueTest): boolean {
  const members = membersOf(leaf)
  return members !== undefined && members.some(test)
}

function equalTo(operand: Value | RegExp): LeafTest {
  if (operand instanceof RegExp) return selfOrMember(matching(operand))
  if (typeof operand !== 'string') return selfOrMember(value => areEqual(value, operand))
  const time = timeOf(operand)
  return selfOrMember(value => value === operand || (typeof value === 'object' && equalsText(value, operand, time)))
}

/** What people write as text: a time, the path of a document. */
function equalsText(value: Value, text: string, time: Timestamp | undefined): boolean {
  if (value instanceof Timestamp) return time !== undefined && compareValues(value, time) === 0
  return value instanceof Reference && value.path === text
}

/** Most lists are long ones of texts or numbers. */
function oneOf(operands: readonly (Value | RegExp)[]): LeafTest {
  const texts = new Set(operands.filter(operand => typeof operand === 'string'))
  const numbers = new Set(operands.filter(operand => typeof operand === 'number'))
  const times = [...texts].map(timeOf).filter(time => time !== undefined)
  const patterns = operands.filter(operand => operand instanceof RegExp).map(matching)
  const others = operands.filter(isNeither).map(equalTo)
  return selfOrMember(value => {
    if (typeof value === 'string') return texts.has(value) || patterns.some(test => test(value))
    const number = value instanceof Double ? value.value : value
    if (typeof number === 'number' && numbers.has(number)) return true
    if (value instanceof Reference && texts.has(value.path)) return true
    if (value instanceof Timestamp && times.some(time => areEqual(value, time))) return true
    if ((typeof value === 'bigint' || value instanceof Decimal) && [...numbers].some(operand => areEqual(value, operand))) return true
    return others.some(test => test(value))
  })
}

function isNeither(operand: Value | RegExp): operand is Exclude<Value, string | number> {
  return typeof operand !== 'string' && typeof operand !== 'number' && !(operand instanceof RegExp)
}

function ordered(passes: (compared: number) => boolean): (operand: Value) => LeafTest {
  return operand => {
    const time = typeof operand === 'string' ? timeOf(operand) : undefined
    return selfOrMember(value => {
      const compared = compareValues(value, value instanceof Timestamp && time ? time : operand)
      return compared !== undefined && passes(compared)
    })
  }
}

/** `2026-01-31`, or with a time of day and its zone. */
function timeOf(text: string): Timestamp | undefined {
  const time = decodeEnvelopes({ $date: /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text })
  return time instanceof Timestamp ? time : undefined
}

function matching(pattern: RegExp): ValueTest {
  // With these two a pattern remembers where it was.
  const stateless = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''))
  return value => typeof value === 'string' && stateless.test(value)
}

function integerOf(value: Value | undefined): bigint | undefined {
  if (typeof value === 'bigint') return value
  const number = value instanceof Double ? value.value : value
  return typeof number === 'number' && Number.isFinite(number) ? BigInt(Math.trunc(number)) : undefined
}

function bits(passes: (value: bigint, mask: bigint) => boolean): (mask: Value | readonly number[]) => LeafTest {
  return mask => {
    const wanted = Array.isArray(mask)
      ? mask.reduce<bigint>((sum, bit) => sum | (1n << BigInt(bit as number)), 0n)
      : integerOf(mask as Value)
    return selfOrMember(value => {
      const number = integerOf(value)
      const isWhole = typeof value !== 'number' || Number.isInteger(value)
      return number !== undefined && wanted !== undefined && isWhole && passes(number, wanted)
    })
  }
}

function elementMatch(criteria: Value, options: Options): LeafTest {
  const keys = Object.keys(criteria as object)
  const ofMembers = keys.length > 0 && keys.every(key => key.startsWith('$') && !joining.has(key))
  const query = new Query(ofMembers ? { member: criteria } : (criteria as object), options)
  return leaf => someMember(leaf, member => (ofMembers ? query.test({ member }) : isMap(member) && query.test(member)))
}

const joining = new Set(['$and', '$or', '$nor', '$expr'])

function ofKinds(...kinds: ValueKind[]): (value: Value) => boolean {
  return value => kinds.includes(kindOf(value))
}

const isLong = (value: Value): boolean => typeof value === 'bigint' || Number.isSafeInteger(value)
const isInt32 = (value: Value): boolean => typeof value === 'number' && (value | 0) === value
const isDouble = (value: Value): boolean => value instanceof Double || (typeof value === 'number' && !Number.isSafeInteger(value))

/** By MongoDB's names and numbers, and by those of docferry's own kinds. */
export const typeTests: Readonly<Record<string | number, (value: Value) => boolean>> = {
  ...{ double: isDouble, 1: isDouble },
  ...{ string: ofKinds('string'), 2: ofKinds('string') },
  ...{ object: ofKinds('map'), map: ofKinds('map'), 3: ofKinds('map') },
  ...{ array: Array.isArray, list: Array.isArray, 4: Array.isArray },
  ...{ binData: ofKinds('bytes'), bytes: ofKinds('bytes'), 5: ofKinds('bytes') },
  ...{ bool: ofKinds('boolean'), boolean: ofKinds('boolean'), 8: ofKinds('boolean') },
  ...{ date: ofKinds('timestamp'), timestamp: ofKinds('timestamp'), 9: ofKinds('timestamp') },
  ...{ null: ofKinds('null'), 10: ofKinds('null') },
  ...{ int: isInt32, 16: isInt32 },
  ...{ long: isLong, 18: isLong },
  ...{ decimal: ofKinds('decimal'), 19: ofKinds('decimal') },
  number: ofKinds('number', 'bigint', 'double', 'decimal'),
  geoPoint: ofKinds('geoPoint'),
  reference: ofKinds('reference'),
  vector: ofKinds('vector'),
  set: ofKinds('set')
}
