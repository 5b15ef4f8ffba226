import { DocferryError } from '../errors.ts'
import type { Document, Stage, Value } from '../types.ts'
import { setField } from '../values/index.ts'
import { fieldsOf, formatPath, isMap, parsePath, pathPattern } from './field-path.ts'
import type { FieldPath } from './field-path.ts'
import { alsoInPlace } from './in-place.ts'
import { pathSchema } from './path-schema.ts'
import { areTopLevel, pathTree } from './path-tree.ts'
import type { PathNode } from './path-tree.ts'
import { pairs } from './short-forms.ts'
import type { StageSpec } from './stage-spec.ts'

type Names = Readonly<Record<string, string>>

export const renameStage: StageSpec<Names> = {
  name: 'rename',
  summary: 'rename fields, each in its place',
  description:
    'Maps each path to its new name. A field stays in its map, and keeps its place in it; `move` puts it elsewhere. Two fields can swap names. A document that has a field of the new name already makes the stage fail. `_id` can be neither end.',
  schema: {
    type: 'object',
    minProperties: 1,
    description: 'Old to new.',
    propertyNames: { pattern: pathPattern },
    additionalProperties: pathSchema('The new name, or the same path with the new name at its end. A name with a dot in it is quoted.')
  },
  examples: [
    {
      options: { mail: 'email', 'usage.cost': 'price', 'messages[*].text': 'content' },
      in: { _id: 'u1', mail: 'a@b.c', usage: { cost: 1, total: 2 }, messages: [{ text: 'Hello' }] },
      out: { _id: 'u1', email: 'a@b.c', usage: { price: 1, total: 2 }, messages: [{ content: 'Hello' }] }
    }
  ],
  short: { usage: 'rename:old=new,old=new', parse: pairs },
  make: rename
}

/**
 * Rename fields, keeping their place. `_id` can be neither end of it.
 *
 * @param names path to new name
 * @throws {DocferryError} DOCFERRY_CONFIG for what is no path, or leads elsewhere
 */
export function rename(names: Names): Stage {
  const renames = Object.entries(names).map(([from, to]) => renameOf(from, to))
  const tree = pathTree(renames)
  const top = new Map(renames.map(([path, name]) => [path[0] as string, name]))
  return {
    name: 'rename',
    mayRepeatIds: false,
    changesInPlace: false,
    givesValues: true,
    fields: [...fieldsOf(renames.map(([path]) => path)), ...renames.flatMap(([path, name]) => (path.length === 1 ? [name] : []))],
    apply: areTopLevel(renames.map(([path]) => path))
      ? alsoInPlace((document: Document) => renameFields(document, name => top.get(name)) as Document)
      : alsoInPlace(
          (document: Document) => renameInside(document, tree, [], false) as Document,
          (document: Document) => renameInside(document, tree, [], true) as Document
        )
  }
}

function renameOf(from: string, to: string): readonly [FieldPath, string] {
  const issue = (message: string): DocferryError => new DocferryError('DOCFERRY_CONFIG', `rename: ${formatPath([from])}: ${message}`)
  const path = parsePath(from)
  const target = parsePath(to)
  const name = target.at(-1)
  const parent = formatPath(path.slice(0, -1))
  if (typeof path.at(-1) !== 'string') throw issue('it must end with the name of a field')
  if (typeof name !== 'string') throw issue('the new name must be a name')
  if (target.length > 1 && formatPath(target.slice(0, -1)) !== parent)
    throw issue(`${to} is in another place: the stage move puts fields elsewhere, and a name with a dot in it is quoted`)
  if (path.length === 1 && (path[0] === '_id' || name === '_id')) throw issue('_id can be neither the old nor the new name of a field')
  return [path, name]
}

/** The map itself where nothing in it has another name. */
function renameFields(
  map: { [key: string]: Value },
  newName: (name: string) => string | undefined,
  steps: readonly (string | number)[] = []
): { [key: string]: Value } {
  const fields = Object.keys(map)
  if (!fields.some(name => newName(name) !== undefined)) return map
  const result: { [key: string]: Value } = {}
  for (const name of fields) {
    const to = newName(name) ?? name
    if (Object.hasOwn(result, to)) {
      const message = `${formatPath([...steps, to])}: the document has a field of the new name already`
      throw new DocferryError('DOCFERRY_STAGE', message, { stage: 'rename' })
    }
    setField(result, to, map[name]!)
  }
  return result
}

/** Deepest first, by the old names. What is renamed in is another object. */
function renameInside(value: Value, node: PathNode<string>, steps: readonly (string | number)[], isOwn: boolean): Value {
  if (Array.isArray(value)) return renameMembers(value, node, steps, isOwn)
  if (!isMap(value)) return value
  let map = value
  const renameOne = (name: string, child: PathNode<string>): void => {
    const renamed = renameInside(map[name]!, child, [...steps, name], isOwn)
    if (renamed === map[name]) return
    if (map === value && !isOwn) map = { ...value }
    setField(map, name, renamed)
  }
  if (node.every) for (const name of Object.keys(value)) renameOne(name, node.every)
  for (const [name, child] of node.names) if (Object.hasOwn(value, name)) renameOne(name, child)
  return renameFields(map, name => node.names.get(name)?.action, steps)
}

function renameMembers(list: Value[], { indexes, every }: PathNode<string>, steps: readonly (string | number)[], isOwn: boolean): Value[] {
  let copy: Value[] | undefined
  for (const [index, member] of list.entries()) {
    const own = indexes.get(index)
    const once = every ? renameInside(member, every, [...steps, index], isOwn) : member
    const renamed = own ? renameInside(once, own, [...steps, index], isOwn) : once
    if (renamed !== member) (copy ??= isOwn ? list : [...list])[index] = renamed
  }
  return copy ?? list
}
