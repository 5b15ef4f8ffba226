/** Many paths as one tree, so that a document is walked once and lists keep their indexes until all is known. */
import { every } from './field-path.ts'
import type { FieldPath } from './field-path.ts'

export interface PathNode<T> {
  /** What is to be done here; missing on the way to other places. */
  action?: T
  readonly names: Map<string, PathNode<T>>
  readonly indexes: Map<number, PathNode<T>>
  /** For every member, beside what is for one alone. */
  every?: PathNode<T>
}

export function pathTree<T>(entries: Iterable<readonly [FieldPath, T]>): PathNode<T> {
  const root: PathNode<T> = newNode()
  for (const [path, action] of entries) {
    let node = root
    for (const step of path) {
      if (step === every) node = node.every ??= newNode()
      else node = typeof step === 'number' ? childOf(node.indexes, step) : childOf(node.names, step)
    }
    node.action = action
  }
  return root
}

function newNode<T>(): PathNode<T> {
  return { names: new Map(), indexes: new Map() }
}

function childOf<Key, T>(children: Map<Key, PathNode<T>>, key: Key): PathNode<T> {
  let child = children.get(key)
  if (!child) children.set(key, (child = newNode()))
  return child
}

/** Whether all of them lead to top-level fields. */
export function areTopLevel(paths: readonly FieldPath[]): boolean {
  return paths.every(path => path.length === 1)
}
