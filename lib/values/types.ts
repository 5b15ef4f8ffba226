/**
 * The values that a document holds. Between them they hold everything that any of the databases holds; whatever a plain
 * JavaScript value says exactly is one, the rest are the small immutable classes below.
 *
 * `toJSON` of each class gives what a person who inspects a document wants to see. What is kept or sent is written by `stringifyJson`,
 * which also knows bigint, bytes, -0 and non-finite numbers, and tells 1.0 from 1.
 */

export type Value =
  | null
  | boolean
  | string
  /** A safe integer, or a double that is none. A double whose value is a safe integer is a `Double`, where that is known. */
  | number
  /** An integer past 2^53. A smaller one is a number. */
  | bigint
  | Double
  | Decimal
  | Uint8Array
  | Timestamp
  | GeoPoint
  | Reference
  | Vector
  | ValueSet
  | Value[]
  | { [key: string]: Value }

/** A plain object whose `_id` is a string and whose other fields hold values. A field that is `undefined` is not there. */
export interface Document {
  _id: string
  [field: string]: Value
}

/**
 * A double whose value is a safe integer, from a source that tells 1.0 from 1. Any other double is a plain number, also an integral one
 * past 2^53. `fromDouble` makes the right one of the two.
 */
export class Double {
  readonly value: number
  /** @throws {TypeError} when it is no number */
  constructor(value: number) {
    if (typeof value !== 'number') throw new TypeError('a Double takes a number')
    this.value = value
  }
  valueOf(): number {
    return this.value
  }
  toJSON(): unknown {
    return this.value
  }
}

/**
 * A decimal whose digits no double holds, as normalised text: `12.50` is none, `0.1234567890123456789` and `1E+400` are.
 * The form: no zeros that say nothing; a plain fraction where at most five zeros follow the point (`123.45`, `0.00000123`), otherwise
 * one digit before the point and an exponent with its sign (`1.23E-7`, `1E+400`). `numberFromText` makes it.
 */
export class Decimal {
  readonly digits: string
  /** @throws {RangeError} when it is no text, no number in this form, or its exponent has more than 15 digits */
  constructor(digits: string) {
    if (typeof digits !== 'string' || !/^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d{1,15})?$/.test(digits)) {
      throw new RangeError('the digits of a Decimal have the form -123.45E+6')
    }
    this.digits = digits
  }
  toString(): string {
    return this.digits
  }
  toJSON(): unknown {
    return { $numberDecimal: this.digits }
  }
}

/** Seconds before and after 1970 that a Timestamp can hold: what a JavaScript `Date` can. */
const maxSeconds = 8.64e12

export function isTime(seconds: number, nanoseconds: number): boolean {
  if (!Number.isInteger(seconds) || Math.abs(seconds) > maxSeconds) return false
  return Number.isInteger(nanoseconds) && nanoseconds >= 0 && nanoseconds <= 999_999_999
}

/** A point in time: whole seconds since 1970 (may be negative) and 0 to 999,999,999 nanoseconds after them. */
export class Timestamp {
  readonly seconds: number
  readonly nanoseconds: number
  /** @throws {RangeError} when either is not whole or out of range: a time that nothing could write down again */
  constructor(seconds: number, nanoseconds: number) {
    if (!isTime(seconds, nanoseconds)) {
      throw new RangeError('a Timestamp takes whole seconds within 273,790 years of 1970 and 0 to 999,999,999 nanoseconds, whole too')
    }
    this.seconds = seconds
    this.nanoseconds = nanoseconds
  }
  /** RFC 3339 in UTC, with as many fractional digits as are needed (none, 3, 6 or 9). */
  toISOString(): string {
    const whole = new Date(this.seconds * 1000).toISOString().slice(0, -5)
    if (this.nanoseconds === 0) return `${whole}Z`
    const digits = String(this.nanoseconds).padStart(9, '0')
    return `${whole}.${digits.replace(/(?:000){1,2}$/, '')}Z`
  }
  toJSON(): unknown {
    return { $date: this.toISOString() }
  }
}

export class GeoPoint {
  readonly latitude: number
  readonly longitude: number
  /** @throws {TypeError} when either is no number */
  constructor(latitude: number, longitude: number) {
    if (typeof latitude !== 'number' || typeof longitude !== 'number') throw new TypeError('a GeoPoint takes two numbers')
    this.latitude = latitude
    this.longitude = longitude
  }
  toJSON(): unknown {
    return { $geoPoint: [this.latitude, this.longitude] }
  }
}

/** A pointer to another document, by path (`agents/abc`), or by a full resource name where it points into another database. */
export class Reference {
  readonly path: string
  /** @throws {TypeError} when it is no text */
  constructor(path: string) {
    if (typeof path !== 'string') throw new TypeError('a Reference takes a path as text')
    this.path = path
  }
  toJSON(): unknown {
    return { $reference: this.path }
  }
}

/** A vector of doubles, as vector indexes take it. */
export class Vector {
  readonly values: readonly number[]
  constructor(values: readonly number[]) {
    this.values = values
  }
  toJSON(): unknown {
    return { $vector: this.values }
  }
}

export type SetMember = string | number | bigint | Decimal | Uint8Array

/** An unordered set of strings, numbers or bytes, all of one kind; never empty. */
export class ValueSet {
  readonly members: readonly SetMember[]
  constructor(members: readonly SetMember[]) {
    this.members = members
  }
  toJSON(): unknown {
    return { $set: this.members }
  }
}

/** Plain JSON. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
