/**
 * Sorted keys, remembered per sequence of keys: the documents of a collection have few shapes, and sorting would otherwise cost more than
 * everything else that the canonical form takes.
 */
interface Node {
  readonly next: Map<string, Node>
  sorted: readonly string[] | undefined
}

const maxNodes = 10_000
const maxRemembered = 64

let root = makeNode()
let nodes = 0

/** The keys in the order of their UTF-16 code units. */
export function sortKeys(keys: string[]): readonly string[] {
  if (keys.length < 2) return keys
  if (keys.length > maxRemembered) return keys.sort()
  let node = root
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index]!
    node = node.next.get(key) ?? addNode(node, key)
  }
  return (node.sorted ??= keys.sort())
}

function addNode(parent: Node, key: string): Node {
  if (nodes >= maxNodes) {
    root = makeNode()
    nodes = 0
  }
  nodes++
  const node = makeNode()
  parent.next.set(key, node)
  return node
}

function makeNode(): Node {
  return { next: new Map(), sorted: undefined }
}
