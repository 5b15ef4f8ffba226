/** Why a text that YAML understands is no JSON. */
import { isAlias, isCollection, isPair, isScalar, visit } from 'yaml'
import type { Document, Node } from 'yaml'

interface JsonTrouble {
  readonly offset: number
  readonly message: string
  /** Whether YAML reads it, so that what it holds is known. Missing: it does. */
  readonly isYaml?: boolean
}

/** @returns undefined where it is JSON, or not even YAML in front of any comment, which then has errors of its own */
export function jsonTrouble(text: string, document: Document.Parsed): JsonTrouble | undefined {
  try {
    JSON.parse(text)
    return undefined
  } catch (error) {
    const comment = commentIn(text)
    // Behind a comment of JavaScript, YAML has lost its way.
    if (comment && document.errors.every(({ pos }) => pos[0] >= comment.offset)) return comment
    if (document.errors.length > 0) return undefined
    return nodeTrouble(document) ?? commaTooMany(text) ?? { offset: offsetOf(error), message: 'this is not JSON' }
  }
}

/** A comment as YAML, JavaScript or C has them; not what looks like one inside of a text. */
function commentIn(text: string): JsonTrouble | undefined {
  for (const { 0: found, index } of text.matchAll(/"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|(?<=^|[\s,{}[\]"])(?:#|\/\/|\/\*)/g)) {
    if (/^[#/]/.test(found))
      return { offset: index, isYaml: found === '#', message: 'JSON has no comments: name the file .yaml, where # begins one' }
  }
  return undefined
}

/** The commonest of what YAML takes and JSON does not, for which JSON.parse names no place. */
function commaTooMany(text: string): JsonTrouble | undefined {
  for (const { 0: found, index } of text.matchAll(/"(?:[^"\\\n]|\\.)*"|,(?=\s*[}\]])/g))
    if (found === ',') return { offset: index, message: 'JSON has no comma behind the last one' }
  return undefined
}

function nodeTrouble(document: Document.Parsed): JsonTrouble | undefined {
  let found: JsonTrouble | undefined
  visit(document, (_, node) => {
    if (isPair(node)) return undefined
    const message = troubleOf(node as Node)
    if (message === undefined) return undefined
    found = { offset: (node as Node).range?.[0] ?? 0, message }
    return visit.BREAK
  })
  return found
}

function troubleOf(node: Node): string | undefined {
  if (isAlias(node)) return 'JSON has no aliases'
  if (isCollection(node) && !node.flow) return 'this is YAML and not JSON: braces or brackets are wanted, or the name .yaml'
  if (!isScalar(node) || node.type === 'QUOTE_DOUBLE') return undefined
  if (node.type === 'PLAIN' && /^(?:true|false|null|-?\d.*)$/.test(node.source ?? '')) return undefined
  return 'text stands in double quotes in JSON'
}

function offsetOf(error: unknown): number {
  return Number(/ at position (\d+)/.exec(String(error))?.[1] ?? 0)
}
