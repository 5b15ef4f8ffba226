import { decimalParts, Double, isMap, type Document, type Value } from '../../lib/values/index.ts'

/** JSON as Python's `json.dump(value, file, indent=2)` writes it: every non-ASCII character escaped, 100.0, 5e-05. Plain values and `Double` only. */
export function pythonJson(value: Value, indent = ''): string {
  const inner = `${indent}  `
  if (Array.isArray(value))
    return block(
      '[',
      value.map(element => pythonJson(element, inner)),
      ']',
      indent
    )
  if (isMap(value))
    return block(
      '{',
      Object.keys(value).map(key => `${text(key)}: ${pythonJson(value[key] as Value, inner)}`),
      '}',
      indent
    )
  if (typeof value === 'string') return text(value)
  if (value instanceof Double) return float(value.value)
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : float(value)
  if (value === null || typeof value === 'boolean') return String(value)
  throw new TypeError('Python has no JSON for this kind of value')
}

function block(open: string, parts: readonly string[], close: string, indent: string): string {
  return parts.length === 0 ? open + close : `${open}\n${parts.map(part => `${indent}  ${part}`).join(',\n')}\n${indent}${close}`
}

function text(value: string): string {
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** `repr` of a float: an exponent below 1e-4 and from 1e16 on, of two digits at least. */
function float(value: number): string {
  const { negative, digits, point } = decimalParts(String(value))
  const sign = negative ? '-' : ''
  if (digits === '') return `${sign}0.0`
  if (point > 16 || point < -3) {
    const exponent = point - 1
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : ''
    return `${sign}${digits[0]}${fraction}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
  }
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`
  return `${sign}${digits.slice(0, point).padEnd(point, '0')}.${digits.slice(point) || '0'}`
}

/** To the byte what Gofannon's export script writes, in pieces. */
export function* pythonExport(content: {
  readonly provider: string
  readonly exportedAt: string
  readonly collections: readonly (readonly [string, Iterable<Document>])[]
}): Generator<string, void, undefined> {
  const { provider, exportedAt, collections } = content
  const metadata = { provider, exported_at: exportedAt, collections: collections.map(([name]) => name) }
  yield `{\n  "metadata": ${pythonJson(metadata, '  ')},\n  "data": {`
  for (const [index, [name, documents]] of collections.entries()) {
    yield `${index === 0 ? '' : ','}\n    ${text(name)}: [`
    let before = '\n      '
    let after = ']'
    for (const document of documents) {
      yield before + pythonJson(document, '      ')
      before = ',\n      '
      after = '\n    ]'
    }
    yield after
  }
  yield '\n  }\n}'
}
