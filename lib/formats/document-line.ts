/** One line of an NDJSON file: a document, a control line, or a reject that says why it is neither. */
import { isUtf8 } from 'node:buffer'
import { DocferryError } from '../errors.ts'
import { isMap, parseJson } from '../values/index.ts'
import type { Document, Value } from '../values/index.ts'
import type { RejectDetails, SecurityObject } from '../types.ts'
import type { Line } from './lines.ts'
import type { Entry } from './page-builder.ts'

/** The first line of an export. */
export interface Header {
  readonly metadata: {
    readonly provider?: string
    readonly exported_at?: string
    readonly collections?: readonly string[]
    readonly security?: Readonly<Record<string, SecurityObject>>
  }
}

/** What the last line of an export states: documents and digest per collection, and where it has them `BucketSums.base64`, or the bytes that this is of. */
export interface Summary {
  readonly counts: Readonly<Record<string, number>>
  readonly digest: Readonly<Record<string, string>>
  readonly receipt?: Readonly<Record<string, string | Buffer>>
  /** `BucketSums.root` of each receipt; missing where an older docferry wrote it. */
  readonly root?: Readonly<Record<string, string>>
}

export type ControlLine = { readonly header: Header; readonly version: Value } | { readonly section: string } | { readonly end: Summary }

/** Place of a line, for people. */
export function whereIs(line: Line): string {
  return `line ${line.number}, byte ${line.offset}`
}

/**
 * Read one line that is not blank.
 *
 * @param controls which control lines may stand here: `all` in a file that has a header, `header` where its header would stand
 */
export function parseLine(line: Line, controls: 'all' | 'header' | 'none'): Entry | ControlLine {
  if (line.tooLong) return rejectLine(line, 'DOCFERRY_BAD_DOCUMENT', 'the line is longer than docferry reads, 256 MB')
  if (!isUtf8(line.bytes)) return rejectLine(line, 'DOCFERRY_BAD_DOCUMENT', 'not valid UTF-8')
  const text = line.bytes.toString()
  let value: Value
  try {
    value = parseJson(text)
  } catch (error) {
    if (error instanceof DocferryError) return rejectLine(line, error.code, error.message)
    if (!(error instanceof SyntaxError)) throw error
    const hint = line.complete ? '' : '; it is the last line and has no line end, so the file may be cut'
    return rejectLine(line, 'DOCFERRY_BAD_DOCUMENT', `${whyNoJson(error)}${hint}`)
  }
  if (!isMap(value)) return rejectLine(line, 'DOCFERRY_BAD_DOCUMENT', 'no JSON object')
  if (isDocument(value)) return { document: value }
  const control = controls === 'none' ? undefined : parseControl(value)
  if (control && (controls === 'all' || 'header' in control)) return control
  return rejectLine(line, 'DOCFERRY_BAD_DOCUMENT', isJsonExport(value) ? wholeExport : whyNoDocument(value))
}

const wholeExport = 'it is a whole JSON export on one line, and no document: end the name of its file in .json, or say --format json'

function isJsonExport({ data }: { readonly [key: string]: Value }): boolean {
  const lists = isMap(data) ? Object.values(data) : []
  return lists.length > 0 && lists.every(list => Array.isArray(list) && list.every(isDocument))
}

/** Of what `parseJson` refuses: without the place, so that lines with the same trouble are counted as one. */
export function whyNoJson(error: SyntaxError): string {
  return error.message.replace(/ at position \d+$/, '')
}

export function isDocument(value: Value | undefined): value is Document {
  return isMap(value) && typeof value._id === 'string'
}

export function whyNoDocument(value: Value): string {
  if (!isMap(value)) return 'no JSON object'
  return Object.hasOwn(value, '_id') ? 'its _id is no string' : 'it has no _id'
}

/** The control line that a value is, if it is one: a map without `_id` and with exactly one key that begins with `$`. */
export function parseControl(value: Value): ControlLine | undefined {
  if (!isMap(value) || Object.hasOwn(value, '_id')) return undefined
  const [key, ...others] = Object.keys(value).filter(name => name.startsWith('$'))
  if (others.length > 0) return undefined
  const { $docferry, $collection, $end } = value
  if (key === '$docferry') return { header: { metadata: isMap(value.metadata) ? value.metadata : {} }, version: $docferry as Value }
  if (key === '$collection' && typeof $collection === 'string') return { section: $collection }
  if (key === '$end' && isMap($end)) {
    const { counts, digest, receipt, root } = $end
    return {
      end: {
        counts: (isMap(counts) ? counts : {}) as Summary['counts'],
        digest: (isMap(digest) ? digest : {}) as Summary['digest'],
        ...(isMap(receipt) && { receipt: receipt as Record<string, string> }),
        ...(isMap(root) && { root: root as Record<string, string> })
      }
    }
  }
  return undefined
}

/** Whether a line that is no document is a control line, exactly as exports have them. */
export function isOfExport({ bytes }: Line): boolean {
  if (!mayBeControl(bytes)) return false
  let value: Value
  try {
    value = parseJson(bytes.toString())
  } catch {
    // It is a reject, and told as that.
    return false
  }
  const control = parseControl(value)
  return control !== undefined && Object.keys(value as object).length === ('header' in control ? 2 : 1)
}

function rejectLine(line: Line, code: RejectDetails['code'], message: string): Entry {
  return { reject: { code, message, where: whereIs(line), ...rawOf(line) } }
}

/** What stands in a line, for a dead letter. */
export function rawOf({ bytes }: Line): Pick<RejectDetails, 'raw' | 'rawBase64'> {
  return { raw: bytes.toString(), ...(!isUtf8(bytes) && { rawBase64: bytes.toString('base64') }) }
}

/** Whether a line may be a control line, and has to be looked at in any case: it holds a `$`, as it is or escaped. */
export function mayBeControl(bytes: Buffer): boolean {
  return bytes.includes(0x24) || bytes.includes('\\u0024')
}
