/**
 * Sorted keys, remembered per sequence of keys: the documents of a collection have few shapes, and sorting would otherwise cost more than
 * everything else that the canonical form takes.
 */
interface Node {
  readonly next: Map<string, Node>
  shape: Shape | undefined
}

interface Shape {
  readonly keys: readonly string[]
  readonly sorted: readonly string[]
}

const maxNodes = 10_000
const maxRemembered = 64

let root = makeNode()
let nodes = 0
/** By its first key, the shape that came last: most maps have it too, and to compare keys costs less than to look each of them up. */
let recent = new Map<string, Shape>()

/** The keys in the order of their UTF-16 code units. */
export function sortKeys(keys: string[]): readonly string[] {
  if (keys.length < 2) return keys
  if (keys.length > maxRemembered) return keys.sort()
  const known = recent.get(keys[0]!)
  if (known !== undefined && hasKeys(known, keys)) return known.sorted
  const shape = shapeOf(keys)
  recent.set(keys[0]!, shape)
  return shape.sorted
}

function hasKeys({ keys }: Shape, others: readonly string[]): boolean {
  if (keys.length !== others.length) return false
  for (let index = 1; index < keys.length; index++) if (keys[index] !== others[index]) return false
  return true
}

function shapeOf(keys: readonly string[]): Shape {
  let node = root
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index]!
    node = node.next.get(key) ?? addNode(node, key)
  }
  return (node.shape ??= { keys, sorted: keys.toSorted() })
}

function addNode(parent: Node, key: string): Node {
  if (nodes >= maxNodes) {
    root = makeNode()
    recent = new Map()
    nodes = 0
  }
  nodes++
  const node = makeNode()
  parent.next.set(key, node)
  return node
}

function makeNode(): Node {
  return { next: new Map(), shape: undefined }
}
