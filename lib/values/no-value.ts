/** What of a document that somebody else's code has made is no value, and where it stands. */
import { describeError } from '../errors.ts'
import { faultOf } from './contents.ts'
import { isMap, kindIfAny, maxDepth, nameOf } from './kinds.ts'
import { pathText } from './paths.ts'
import { isOrdinary } from './stringify.ts'
import type { Document } from './types.ts'

/**
 * A field that is undefined is not there. Maps and lists that are nested too deep are told only where one holds itself: what else is too deep may
 * have come so, and may be made flat before a target refuses it.
 *
 * @returns what it is, where, and what to do: `something that is no value at seen (Date): make it a Timestamp, or text`; undefined where all are values
 */
export function describeNoValue(document: Document): string | undefined {
  return isPlain(document) ? undefined : new Search().of(document)
}

/** Nearly all documents are. */
function isPlain(document: Document): boolean {
  try {
    return isOrdinary(document)
  } catch {
    // A getter has thrown.
    return false
  }
}

class Search {
  readonly #path: (string | number)[] = []
  /** The maps and lists that what is looked at lies in. */
  readonly #above: object[] = []

  of(document: Document): string | undefined {
    if (!isMap(document)) return `a document that is no plain object (${nameOf(document)}): make it one, { ...it }`
    return this.#inMap(document)
  }

  #in(value: unknown): string | undefined {
    const kind = kindIfAny(value)
    switch (kind) {
      case undefined:
        return describeOne(value, this.#path)
      case 'array':
        return this.#inList(value as readonly unknown[])
      case 'map':
        return this.#inMap(value as object)
      default: {
        const fault = faultOf(kind, value)
        return fault && noValueText(this.#path, fault.what, fault.instead)
      }
    }
  }

  #inList(list: readonly unknown[]): string | undefined {
    if (this.#above.length > maxDepth) return this.#circle()
    this.#above.push(list)
    for (let index = 0; index < list.length; index++) {
      const found = this.#at(list, index)
      if (found !== undefined) return found
    }
    this.#above.pop()
    return undefined
  }

  #inMap(map: object): string | undefined {
    if (this.#above.length > maxDepth) return this.#circle()
    this.#above.push(map)
    for (const name in map) {
      const found = this.#at(map, name)
      if (found !== undefined) return found
    }
    this.#above.pop()
    return undefined
  }

  #at(holder: object, step: string | number): string | undefined {
    this.#path.push(step)
    const found = this.#read(holder, step)
    this.#path.pop()
    return found
  }

  #read(holder: object, step: string | number): string | undefined {
    try {
      const value = (holder as Readonly<Record<string | number, unknown>>)[step]
      return value === undefined && !Array.isArray(holder) ? undefined : this.#in(value)
    } catch (error) {
      // A getter has thrown, or whatever else stands behind a Proxy.
      return `something that can't be read at ${pathText(this.#path)}: ${describeError(error)}`
    }
  }

  /** @returns undefined where none of those above stands twice */
  #circle(): string | undefined {
    const first = new Set<object>()
    const again = this.#above.findIndex(each => first.size === first.add(each).size)
    return again < 0 ? undefined : `a document that holds itself at ${pathText(this.#path, again)}: leave that out`
  }
}

/** The same of something that is no value. @param path where it stands, where that has to be told */
export function describeOne(value: unknown, path: readonly (string | number)[] = []): string {
  const name = nameOf(value)
  return noValueText(path, name, insteadOf(value, name))
}

function noValueText(path: readonly (string | number)[], what: string, instead: string): string {
  return `something that is no value${path.length === 0 ? '' : ` at ${pathText(path)}`} (${what}): ${instead}`
}

function insteadOf(value: unknown, name: string): string {
  if (value === undefined) return 'in a list write null, or nothing'
  if (typeof value !== 'object') return 'leave it out'
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return 'make it a Uint8Array, or a list'
  return Object.hasOwn(instead, name) ? instead[name]! : 'make it a plain object, or text'
}

const instead: Readonly<Record<string, string>> = {
  Date: 'make it a Timestamp, or text',
  Map: 'make it a plain object',
  Set: 'make it a list, or a ValueSet',
  Promise: 'await it'
}
