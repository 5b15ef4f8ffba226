/** Values as YAML for people: in one line where it fits, without anchors, comments or types of YAML's own. */
import { displayWidth } from './text.ts'

/** JSON values: envelopes in place of what JSON has no type for. */
type Json = unknown

const reserved = /^(?:true|false|null|yes|no|on|off|y|n)$/i
const plainText = /^[A-Za-z$_\p{L}][\p{L}\p{N}_.$@/-]*(?: [\p{L}\p{N}_.$@/-]+)*$/u

/** The lines of `key: value`; the key stands before the first line, and what does not fit there is indented below. */
export function yamlLines(key: string, value: Json, columns = 100, indent = ''): string[] {
  const line = `${indent}${scalar(key)}: ${flow(value)}`
  if (displayWidth(line) <= columns || !isFilled(value)) return [line]
  return [`${indent}${scalar(key)}:`, ...blockLines(value, columns, `${indent}  `)]
}

/** The lines of a list's members, or of a map's fields. */
function blockLines(value: object, columns: number, indent: string): string[] {
  if (!Array.isArray(value)) return Object.entries(value).flatMap(([key, member]) => yamlLines(key, member, columns, indent))
  return value.flatMap((member: Json) => {
    const line = `${indent}- ${flow(member)}`
    if (displayWidth(line) <= columns || !isFilled(member)) return [line]
    const [first = '', ...rest] = blockLines(member, columns, `${indent}  `)
    return [`${indent}- ${first.slice(indent.length + 2)}`, ...rest]
  })
}

function flow(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`
  if (typeof value !== 'object' || value === null) return scalar(value)
  const fields = Object.entries(value).map(([key, member]) => `${scalar(key)}: ${flow(member)}`)
  return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`
}

function scalar(value: Json): string {
  if (typeof value !== 'string') return JSON.stringify(value)
  if (plainText.test(value) && !reserved.test(value)) return value
  return /[^\u0020-\u007e\u00a0-\ud7ff\ue000-\ufefe]/.test(value) ? JSON.stringify(value) : `'${value.replaceAll("'", "''")}'`
}

function isFilled(value: Json): value is object {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0
}
