import type { Document, Stage, Value } from '../types.ts'
import { setField } from '../values/index.ts'
import { isMap, parsePath } from './field-path.ts'
import { pathsSchema } from './path-schema.ts'
import { areTopLevel, pathTree } from './path-tree.ts'
import type { PathNode } from './path-tree.ts'
import { names } from './short-forms.ts'
import { alsoInPlace } from './in-place.ts'
import type { StageSpec } from './stage-spec.ts'

export const pickStage: StageSpec<readonly string[]> = {
  name: 'pick',
  summary: 'keep only these fields, and _id',
  description:
    'Keeps what the paths lead to, in the order of the document, and leaves the rest out. A map or list on the way stays, also where nothing in it is kept; members of a list that a path goes through and that are neither map nor list are left out.',
  schema: pathsSchema('What is kept.'),
  examples: [
    {
      options: ['name', 'email'],
      in: { _id: 'u1', email: 'a@b.c', name: 'Ada', role: 'admin' },
      out: { _id: 'u1', email: 'a@b.c', name: 'Ada' }
    },
    {
      title: 'parts of maps and lists',
      options: ['usage.total', 'messages[*].role'],
      in: { _id: 's1', usage: { total: 3, rest: 1 }, messages: [{ role: 'user', content: 'Hello' }, { role: 'agent' }] },
      out: { _id: 's1', usage: { total: 3 }, messages: [{ role: 'user' }, { role: 'agent' }] }
    }
  ],
  short: { usage: 'pick:field,field', parse: names },
  make: pick
}

/**
 * Keep only these fields, and `_id`.
 *
 * @param fields paths
 * @throws {DocferryError} DOCFERRY_CONFIG for what is no path
 */
export function pick(fields: readonly string[]): Stage {
  const paths = [['_id'], ...fields.map(parsePath)]
  const tree = pathTree(paths.map(path => [path, true] as const))
  const kept = new Set(paths.map(path => path[0] as string))
  return {
    name: 'pick',
    mayRepeatIds: false,
    changesInPlace: false,
    givesValues: true,
    apply: alsoInPlace(
      areTopLevel(paths) ? document => pickTopLevel(document, kept) : (document: Document) => pickFields(document, [tree]) as Document
    )
  }
}

function pickTopLevel(document: Document, kept: ReadonlySet<string>): Document {
  const result = {} as Document
  for (const name of Object.keys(document)) if (kept.has(name)) setField(result, name, document[name]!)
  return result
}

/** @param nodes all that are for this place: one by its name, one for every member */
function pickFields(map: { [key: string]: Value }, nodes: readonly PathNode<true>[]): { [key: string]: Value } {
  const result: { [key: string]: Value } = {}
  for (const name of Object.keys(map)) {
    const picked = pickValue(
      map[name]!,
      childrenOf(nodes, node => node.names.get(name))
    )
    if (picked !== undefined) setField(result, name, picked)
  }
  return result
}

function pickMembers(list: readonly Value[], nodes: readonly PathNode<true>[]): Value[] {
  const result: Value[] = []
  for (const [index, member] of list.entries()) {
    const picked = pickValue(
      member,
      childrenOf(nodes, node => node.indexes.get(index))
    )
    if (picked !== undefined) result.push(picked)
  }
  return result
}

function pickValue(value: Value, nodes: readonly PathNode<true>[]): Value | undefined {
  if (nodes.length === 0) return undefined
  if (nodes.some(node => node.action)) return value
  if (Array.isArray(value)) return pickMembers(value, nodes)
  return isMap(value) ? pickFields(value, nodes) : undefined
}

function childrenOf(
  nodes: readonly PathNode<true>[],
  childOf: (node: PathNode<true>) => PathNode<true> | undefined
): readonly PathNode<true>[] {
  const children: PathNode<true>[] = []
  for (const node of nodes) {
    const own = childOf(node)
    if (own) children.push(own)
    if (node.every) children.push(node.every)
  }
  return children
}
