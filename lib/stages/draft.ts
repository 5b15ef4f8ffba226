/**
 * A document as it is being changed: a copy that shares with the document all that stays. So a stage that fails has changed nothing, and what is kept of
 * the document is what came to it.
 */
import type { Document, Value } from '../types.ts'
import { setField } from '../values/index.ts'
import { withoutFields } from './change-values.ts'
import { every, formatPath, isMap, valueAt } from './field-path.ts'
import type { FieldPath, Step } from './field-path.ts'

type Holder = { [key: string]: Value } | Value[]

/** Called for a place that is there, or would be: maps on the way are. @param value undefined where nothing stands there */
export type Visit = (value: Value | undefined) => Value

export class Draft {
  document: Document
  /** Copies that nobody else holds; undefined where nobody holds any part of the document. */
  readonly #own: Set<object> | undefined

  /** @param isOwn whether the document may be changed: nobody holds any part of it */
  constructor(document: Document, isOwn = false) {
    this.document = document
    this.#own = isOwn ? undefined : new Set()
  }

  /**
   * Put a value where a path leads, with the maps on the way where they are missing; with `*` for each member that there is.
   *
   * @param overwrite whether what stands in the way becomes a map
   * @throws {Error} naming what stands in the way
   */
  put(path: FieldPath, visit: Visit, overwrite = false): void {
    if (this.#own && !this.#own.has(this.document)) {
      this.document = { ...this.document }
      this.#own.add(this.document)
    }
    this.#put(this.document, path, 0, visit, overwrite)
  }

  /** @param path without `*` @returns what stood there */
  remove(path: FieldPath): Value | undefined {
    const value = valueAt(this.document, path)
    if (value !== undefined) this.document = this.#without(this.document, path, 0) as Document
    return value
  }

  #without(holder: Holder, path: FieldPath, depth: number): Holder {
    const step = path[depth] as string | number
    const isLast = depth === path.length - 1
    let copy: Holder
    if (Array.isArray(holder)) copy = isLast ? holder.filter((_, index) => index !== step) : [...holder]
    else copy = isLast ? withoutFields(holder, new Set([step as string])) : { ...holder }
    if (!isLast) setMember(copy, step, this.#without(memberOf(holder, step) as Holder, path, depth + 1))
    this.#own?.add(copy)
    return copy
  }

  #put(holder: Holder, path: FieldPath, depth: number, visit: Visit, overwrite: boolean): void {
    const step = path[depth]!
    if (step === every) {
      for (const key of Array.isArray(holder) ? holder.keys() : Object.keys(holder))
        this.#putOne(holder, key, path, depth, visit, overwrite)
      return
    }
    if (Array.isArray(holder) && (step as number) >= holder.length)
      throw new Error(`${formatPath(path)}: the list has no member ${formatPath([step])}`)
    this.#putOne(holder, step, path, depth, visit, overwrite)
  }

  #putOne(holder: Holder, key: string | number, path: FieldPath, depth: number, visit: Visit, overwrite: boolean): void {
    const value = memberOf(holder, key)
    if (depth === path.length - 1) return setMember(holder, key, visit(value))
    const next = path[depth + 1]!
    if (next === every && !isHolder(value)) return
    const fits = isHolder(value) && (next === every || Array.isArray(value) === (typeof next === 'number'))
    if (fits) return this.#put(this.#open(holder, key, value), path, depth + 1, visit, overwrite)
    if (value !== undefined && !overwrite) throw new Error(`${formatPath(path)}: ${formatPath(path.slice(0, depth + 1))} is in the way`)
    if (typeof next === 'number') throw new Error(`${formatPath(path)}: there is no list`)
    const map = {}
    this.#own?.add(map)
    setMember(holder, key, map)
    this.#put(map, path, depth + 1, visit, overwrite)
  }

  /** The draft's own copy of what stands in one of its holders. */
  #open(holder: Holder, key: string | number, value: Holder): Holder {
    if (!this.#own || this.#own.has(value)) return value
    const copy = Array.isArray(value) ? [...value] : { ...value }
    this.#own.add(copy)
    setMember(holder, key, copy)
    return copy
  }
}

function isHolder(value: Value | undefined): value is Holder {
  return Array.isArray(value) || isMap(value)
}

function memberOf(holder: Holder, step: Step): Value | undefined {
  if (Array.isArray(holder)) return typeof step === 'number' ? holder[step] : undefined
  return typeof step === 'string' && Object.hasOwn(holder, step) ? holder[step] : undefined
}

function setMember(holder: Holder, key: string | number, value: Value): void {
  if (Array.isArray(holder)) holder[key as number] = value
  else setField(holder, key as string, value)
}
