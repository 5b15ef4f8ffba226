/** Values that paths lead to, replaced. What is changed is another object; a document in which nothing changes stays the same. */
import type { Document, Value } from '../types.ts'
import { setField } from '../values/index.ts'
import { configError } from './config-error.ts'
import { formatPath, isMap, parsePath } from './field-path.ts'
import type { FieldPath } from './field-path.ts'
import { alsoInPlace } from './in-place.ts'
import { pathTree } from './path-tree.ts'
import type { PathNode } from './path-tree.ts'

/**
 * @returns what is to stand there: the same value for no change, undefined to remove it
 * @throws {Error} whose message does not say where
 */
export type Change = (value: Value) => Value | undefined

/** @returns a function for documents; an error in it names the place */
export function changer(changes: Iterable<readonly [FieldPath, Change]>): (document: Document) => Document {
  const tree = pathTree(changes)
  return alsoInPlace(
    (document: Document) => changeFields(document, tree, [], false) as Document,
    (document: Document) => changeFields(document, tree, [], true) as Document
  )
}

/**
 * A path of the options that may not lead to `_id`.
 *
 * @throws {DocferryError} DOCFERRY_CONFIG
 */
export function parseFieldPath(text: string): FieldPath {
  const path = parsePath(text)
  if (path[0] === '_id') throw configError(`fields: _id can't be changed here; the stage id gives another`)
  return path
}

type Steps = (string | number)[]

function changeValue(value: Value, node: PathNode<Change>, steps: Steps, isOwn: boolean): Value | undefined {
  const inside = Array.isArray(value)
    ? changeMembers(value, node, steps, isOwn)
    : isMap(value)
      ? changeFields(value, node, steps, isOwn)
      : value
  if (!node.action) return inside
  try {
    return node.action(inside)
  } catch (error) {
    throw new Error(`${formatPath(steps)}: ${(error as Error).message}`, { cause: error })
  }
}

function changeFields(
  map: { [key: string]: Value },
  { names, every }: PathNode<Change>,
  steps: Steps,
  isOwn: boolean
): { [key: string]: Value } {
  let copy: { [key: string]: Value } | undefined
  let gone: Set<string> | undefined
  const changeOne = (name: string, node: PathNode<Change>): void => {
    if (gone?.has(name)) return
    const value = (copy ?? map)[name]
    if (value === undefined) return
    steps.push(name)
    const changed = changeValue(value, node, steps, isOwn)
    steps.pop()
    if (Object.is(changed, value)) return
    if (changed === undefined) {
      gone ??= new Set()
      gone.add(name)
      return
    }
    copy ??= isOwn ? map : { ...map }
    setField(copy, name, changed)
  }
  if (every) for (const name of Object.keys(map)) changeOne(name, every)
  for (const [name, node] of names) if (Object.hasOwn(map, name)) changeOne(name, node)
  return gone ? withoutFields(copy ?? map, gone) : (copy ?? map)
}

/** A copy: an object from which fields were deleted is slow to read from then on. */
export function withoutFields<Map extends { [key: string]: Value }>(map: Map, gone: ReadonlySet<string>): Map {
  const rest = {} as Map
  for (const name of Object.keys(map)) if (!gone.has(name)) setField(rest, name, map[name]!)
  return rest
}

function changeMembers(list: Value[], { indexes, every }: PathNode<Change>, steps: Steps, isOwn: boolean): Value[] {
  let copy: (Value | undefined)[] | undefined
  let isShorter = false
  const changeOne = (index: number, node: PathNode<Change>): void => {
    const value = (copy ?? list)[index]
    if (value === undefined) return
    steps.push(index)
    const changed = changeValue(value, node, steps, isOwn)
    steps.pop()
    if (Object.is(changed, value)) return
    copy ??= isOwn ? list : [...list]
    copy[index] = changed
    isShorter ||= changed === undefined
  }
  if (every) for (let index = 0; index < list.length; index++) changeOne(index, every)
  for (const [index, node] of indexes) changeOne(index, node)
  return isShorter ? copy!.filter(member => member !== undefined) : ((copy as Value[] | undefined) ?? list)
}
