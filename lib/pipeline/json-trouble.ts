/** Why a text that YAML understands is no JSON. */
import { isAlias, isCollection, isPair, isScalar, Lexer, visit } from 'yaml'
import type { Document, Node } from 'yaml'

/** @returns undefined where it is JSON, or not even YAML, which then has errors of its own */
export function jsonTrouble(text: string, document: Document.Parsed): { readonly offset: number; readonly message: string } | undefined {
  try {
    JSON.parse(text)
    return undefined
  } catch (error) {
    if (document.errors.length > 0) return undefined
    return commentIn(text) ?? nodeTrouble(document) ?? { offset: offsetOf(error), message: 'this is not JSON' }
  }
}

function commentIn(text: string): { offset: number; message: string } | undefined {
  let offset = 0
  for (const token of new Lexer().lex(text)) {
    if (token.startsWith('#')) return { offset, message: 'JSON has no comments: name the file .yaml, where # begins one' }
    // Control characters that the lexer puts between are not in the text.
    if (!/^[\u0002\u0018\u001f]$/.test(token)) offset += token.length
  }
  return undefined
}

function nodeTrouble(document: Document.Parsed): { offset: number; message: string } | undefined {
  let found: { offset: number; message: string } | undefined
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
