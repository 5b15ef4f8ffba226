import type { Document, Stage, Value } from '../types.ts'
import { isMap, parsePath } from './field-path.ts'
import { pathsSchema } from './path-schema.ts'
import { areTopLevel, pathTree } from './path-tree.ts'
import type { PathNode } from './path-tree.ts'
import { names } from './short-forms.ts'
import type { StageSpec } from './stage-spec.ts'

export const stripStage: StageSpec<readonly string[]> = {
  name: 'strip',
  summary: 'remove fields',
  description:
    'Removes what the paths lead to; what is not there is no error. A member of a list is removed from the list, by the index that it had before. `_id` always stays.',
  schema: pathsSchema('What is removed.'),
  examples: [
    {
      title: 'a field, one inside another, and one of every member of a list',
      options: ['password', 'profile.phone', 'logins[*].ip'],
      in: { _id: 'u1', name: 'Ada', password: 'x', profile: { phone: '1', city: 'Rome' }, logins: [{ ip: '::1', at: 1 }, { at: 2 }] },
      out: { _id: 'u1', name: 'Ada', profile: { city: 'Rome' }, logins: [{ at: 1 }, { at: 2 }] }
    }
  ],
  short: { usage: 'strip:field,field', parse: names },
  make: strip
}

/**
 * Remove fields. `_id` stays.
 *
 * @param fields paths
 * @throws {DocferryError} DOCFERRY_CONFIG for what is no path
 */
export function strip(fields: readonly string[]): Stage {
  const paths = fields.map(parsePath).filter(path => path[0] !== '_id')
  const tree = pathTree(paths.map(path => [path, true] as const))
  const top = paths.map(path => path[0] as string)
  return {
    name: 'strip',
    mayRepeatIds: false,
    apply: areTopLevel(paths)
      ? document => {
          for (const name of top) if (name in document) delete document[name]
          return document
        }
      : document => {
          stripFields(document, tree)
          return document
        }
  }
}

function stripFields(map: Document | { [key: string]: Value }, { names, every }: PathNode<true>): void {
  for (const [name, node] of names) if (Object.hasOwn(map, name)) stripField(map, name, node)
  if (every) for (const name of Object.keys(map)) stripField(map, name, every)
}

function stripField(map: { [key: string]: Value }, name: string, node: PathNode<true>): void {
  if (node.action) delete map[name]
  else stripInside(map[name], node)
}

function stripInside(value: Value | undefined, node: PathNode<true>): void {
  if (Array.isArray(value)) stripMembers(value, node)
  else if (isMap(value)) stripFields(value, node)
}

function stripMembers(list: Value[], { indexes, every }: PathNode<true>): void {
  if (every?.action) {
    list.length = 0
    return
  }
  if (every) for (const member of list) stripInside(member, every)
  if (indexes.size === 0) return
  const gone = new Set<number>()
  for (const [index, node] of indexes) {
    if (node.action) gone.add(index)
    else stripInside(list[index], node)
  }
  if (gone.size > 0) keepInPlace(list, index => !gone.has(index))
}

function keepInPlace(list: Value[], isKept: (index: number) => boolean): void {
  let length = 0
  for (let index = 0; index < list.length; index++) if (isKept(index)) list[length++] = list[index]!
  list.length = length
}
