/** Ordinary values to the bytes of their JSON, in one walk: to ask whether a value is ordinary, to stringify it and to encode the text costs half as much again. */
import { isOrdinaryNumber, notOrdinary } from './stringify.ts'
import { maxDepth, type ValueMap } from './kinds.ts'
import type { Value } from './types.ts'

let target: Buffer = Buffer.alloc(0)

/**
 * Write what JSON.stringify gives for a value, as UTF-8.
 *
 * @returns the place behind it; past the buffer's end where there was no room, and what was written is then no JSON; `notOrdinary` where
 * `isOrdinary` is false
 */
export function writeJsonBytes(value: Value, buffer: Buffer, at: number): number {
  target = buffer
  return writeValue(value, 0, at)
}

// Each function writes at a place and gives the place behind it. What is written past a buffer's end is dropped, which is noticed in the end.

function writeValue(value: Value | undefined, depth: number, at: number): number {
  switch (typeof value) {
    case 'string':
      return writeString(value, at)
    case 'number':
      return isOrdinaryNumber(value) ? writeNumber(value, at) : notOrdinary
    case 'boolean':
      return writeLatin1(value ? 'true' : 'false', at)
    case 'object':
      break
    default:
      return notOrdinary
  }
  if (value === null) return writeLatin1('null', at)
  if (depth > maxDepth) return notOrdinary
  if (Array.isArray(value)) return writeArray(value, depth, at)
  return Object.getPrototypeOf(value) === Object.prototype ? writeMap(value as ValueMap, depth, at) : notOrdinary
}

function writeArray(elements: readonly Value[], depth: number, start: number): number {
  let at = start
  target[at++] = 0x5b
  for (let index = 0; index < elements.length; index++) {
    if (index > 0) target[at++] = 0x2c
    at = writeValue(elements[index], depth + 1, at)
    if (at < 0) return notOrdinary
  }
  target[at] = 0x5d
  return at + 1
}

function writeMap(map: ValueMap, depth: number, start: number): number {
  let at = start
  target[at++] = 0x7b
  let isFirst = true
  for (const key in map) {
    if (key.charCodeAt(0) === 0x24) return notOrdinary
    const field = map[key]
    if (field === undefined) continue
    if (isFirst) isFirst = false
    else target[at++] = 0x2c
    at = writeString(key, at)
    target[at++] = 0x3a
    at = writeValue(field, depth + 1, at)
    if (at < 0) return notOrdinary
  }
  target[at] = 0x7d
  return at + 1
}

const mostDigits = 1e9

function writeNumber(value: number, start: number): number {
  if (!Number.isInteger(value) || value < 0 || value >= mostDigits) return writeLatin1(String(value), start)
  let digits = 1
  for (let least = 10; value >= least; least *= 10) digits++
  let rest = value
  for (let at = start + digits - 1; at >= start; at--) {
    const tenth = Math.floor(rest / 10)
    target[at] = 0x30 + rest - 10 * tenth
    rest = tenth
  }
  return start + digits
}

function writeLatin1(text: string, start: number): number {
  let at = start
  for (let index = 0; index < text.length; index++) target[at++] = text.charCodeAt(index)
  return at
}

/** Longer strings are faster to copy by Buffer's own code than character by character. */
const shortString = 60

/** What JSON.stringify escapes, or may. */
const needsEscape = /["\\\u0000-\u001f\ud800-\udfff]/

function writeString(text: string, start: number): number {
  const size = text.length
  if (size > shortString) return needsEscape.test(text) ? writeText(JSON.stringify(text), start) : writeQuoted(text, start)
  const buffer = target
  let at = start
  buffer[at++] = 0x22
  for (let index = 0; index < size; index++) {
    const code = text.charCodeAt(index)
    if (code < 0x80) {
      if (code < 0x20 || code === 0x22 || code === 0x5c) return writeText(JSON.stringify(text), start)
      buffer[at++] = code
    } else if (code < 0x800) {
      buffer[at++] = 0xc0 | (code >> 6)
      buffer[at++] = 0x80 | (code & 0x3f)
    } else if (code >= 0xd800 && code < 0xe000) {
      return writeText(JSON.stringify(text), start)
    } else {
      buffer[at++] = 0xe0 | (code >> 12)
      buffer[at++] = 0x80 | ((code >> 6) & 0x3f)
      buffer[at++] = 0x80 | (code & 0x3f)
    }
  }
  buffer[at] = 0x22
  return at + 1
}

function writeQuoted(text: string, start: number): number {
  target[start] = 0x22
  const end = writeText(text, start + 1)
  target[end] = 0x22
  return end + 1
}

/** A UTF-16 unit is three bytes at most. */
function writeText(text: string, at: number): number {
  const most = at + 3 * text.length
  return most > target.length ? most : at + target.write(text, at)
}
