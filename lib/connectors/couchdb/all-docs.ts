/** `_all_docs`: how it is asked, and the rows of its answer, which comes in pieces, without loss of digits. */
import { DocferryError } from '../../errors.ts'
import type { Document, LeftOut, Value } from '../../types.ts'
import { parseJson } from '../../values/index.ts'
import type { DocumentDigests } from '../../values/index.ts'
import type { Request } from './client.ts'
import { brokenAnswer, errorName } from './errors.ts'
import type { Asked } from './errors.ts'

/** Longer addresses are refused by many servers; CouchDB takes the same parameters in a body. */
const longestQuery = 2_000

export function allDocsRequest(database: string, parameters: Readonly<Record<string, unknown>>): Pick<Request, 'method' | 'path' | 'body'> {
  const path = `/${encodeURIComponent(database)}/_all_docs`
  const query = Object.entries(parameters).map(([name, value]) => `${name}=${encodeURIComponent(JSON.stringify(value))}`)
  const short = `${path}?${query.join('&')}`
  return short.length <= longestQuery ? { method: 'GET', path: short } : { method: 'POST', path, body: JSON.stringify(parameters) }
}

export interface Row {
  /** The id; also of a document that was asked for and is not there. */
  readonly key: string
  readonly revision?: string
  /** Missing where none was asked for, or there is none. */
  readonly document?: Document
  readonly deleted?: boolean
  /** `documentDigests` of the document, where they are known. */
  readonly digests?: DocumentDigests | undefined
  /** Fields that the document came without: as in `Page.leftOut`. */
  readonly leftOut?: LeftOut | undefined
  /** Whether it had conflicts among these. */
  readonly hadConflicts?: boolean
  /** Whether the document may hold names that docferry has escaped. */
  readonly hasEscapes?: boolean
  /** Why there is no document although there is a row: the server's word, or ours where it can't be read. */
  readonly error?: string
}

export interface Rows {
  readonly rows: readonly Row[]
  /** Bytes of the answer that they took. */
  readonly bytes: number
  /** Whether the server puts each row on a line of its own, so that memory is bounded by a row and not by the answer. */
  readonly byLine: boolean
}

/** What has come of an answer: whole lines with a row on each, or all rows at once, where it has another form. */
export type Piece = { readonly lines: Buffer } | { readonly rows: readonly Row[]; readonly bytes: number }

const newline = 10
const lastOfHead = /"rows":\[\s*$/

/** Whether an answer, however many rows it has, is one in which each has a line of its own. */
export function isByLine(answer: string): boolean {
  const headEnd = answer.indexOf('\n')
  return headEnd !== -1 && lastOfHead.test(answer.slice(0, headEnd))
}

/**
 * Read an answer of `_all_docs` to its end. CouchDB puts every row on its own line, and they are handed on as they come; any other way of
 * writing the same JSON (PouchDB's) is read as a whole.
 *
 * @throws {DocferryError} DOCFERRY_CONNECT, retryable, when the answer is not whole; all rows before are good
 */
export async function* readRows(chunks: AsyncIterable<Uint8Array>, asked: Asked): AsyncGenerator<Rows, void, undefined> {
  for await (const piece of readPieces(chunks, asked))
    if ('lines' in piece) yield { rows: rowsOfLines(piece.lines.toString(), asked), bytes: piece.lines.length, byLine: true }
    else yield { ...piece, byLine: false }
}

/**
 * @param chunks may be used again once the next is asked for, and so may the lines that this gives
 * @throws as `readRows`
 */
export async function* readPieces(chunks: AsyncIterable<Uint8Array>, asked: Asked): AsyncGenerator<Piece, void, undefined> {
  let state: 'head' | 'rows' | 'end' | 'blob' = 'head'
  const held: Uint8Array[] = []
  for await (const chunk of chunks) {
    const lineEnd = state === 'blob' ? -1 : chunk.lastIndexOf(newline)
    if (lineEnd === -1) {
      held.push(Buffer.from(chunk))
      continue
    }
    held.push(chunk.subarray(0, lineEnd + 1))
    const taken = joined(held)
    if (lineEnd + 1 < chunk.length) held.push(Buffer.from(chunk.subarray(lineEnd + 1)))
    let from = 0
    if (state === 'head') {
      from = taken.indexOf(newline) + 1
      if (!lastOfHead.test(taken.toString('utf8', 0, from - 1))) {
        state = 'blob'
        held.unshift(Buffer.from(taken))
        continue
      }
      state = 'rows'
    }
    const lines = withoutBlankEnd(taken.subarray(from))
    if (lines.length === 0) continue
    if (state === 'end') throw brokenAnswer(asked, goesOn)
    const lastLine = lines.lastIndexOf(newline) + 1
    if (lines.toString('latin1', lastLine, lastLine + endLine.length + 1) === endLine) state = 'end'
    const rows = state === 'end' ? lines.subarray(0, lastLine) : taken.subarray(from)
    if (rows.length > 0) yield { lines: rows }
  }
  const last = joined(held)
  const rest = last.toString()
  if (state === 'rows' && rest.trimEnd() === endLine) return
  if (state === 'end' && rest.trim() === '') return
  if (state === 'rows' || state === 'end') throw brokenAnswer(asked, 'broke off')
  yield { rows: rowsOfWhole(rest, asked), bytes: last.length }
}

function joined(held: Uint8Array[]): Buffer {
  const [first] = held
  const pieces = held.splice(0)
  return pieces.length === 1 ? Buffer.from(first!.buffer, first!.byteOffset, first!.byteLength) : Buffer.concat(pieces)
}

function withoutBlankEnd(bytes: Buffer): Buffer {
  let end = bytes.length
  while (end > 0 && bytes[end - 1]! <= 0x20) end--
  return bytes.subarray(0, end)
}

const endLine = ']}'
const goesOn = 'goes on after its end'

/** @throws as `readRows` */
export function rowsOfLines(lines: string, asked: Asked): Row[] {
  const rows: Row[] = []
  for (const line of lines.split('\n')) {
    const trimmed = line.trimEnd()
    if (trimmed === endLine) throw brokenAnswer(asked, goesOn)
    if (trimmed !== '') rows.push(readLine(trimmed, asked))
  }
  return rows
}

function rowsOfWhole(text: string, asked: Asked): Row[] {
  const answer = parse(text, asked) as { rows?: Value }
  if (!Array.isArray(answer?.rows)) throw brokenAnswer(asked, 'holds no rows')
  const hasEscapes = text.includes(escapeSign)
  return answer.rows.map(row => ({ ...readRow(row, asked), hasEscapes }))
}

/** Before each name that docferry has escaped. */
export const escapeSign = '"$%'

const documentMember = ',"doc":'
const rowStart = '{"id":'

/**
 * A row as CouchDB writes it: `{"id":...,"key":...,"value":{"rev":...},"doc":{...}},`. The document is parsed alone: inside a string the
 * quotes of `,"doc":` would be escaped, so what is found first is the member.
 */
function readLine(line: string, asked: Asked): Row {
  const end = line.endsWith(',') ? line.length - 1 : line.length
  const at = line.indexOf(documentMember)
  const start = at + documentMember.length
  if (at === -1 || !line.startsWith(rowStart) || line[start] !== '{') return readRow(parse(line.slice(0, end), asked), asked)
  let document: Document
  try {
    document = parse(line.slice(start, end - 1), asked) as Document
  } catch (error) {
    if (!(error instanceof DocferryError) || error.retryable) throw error
    return { ...readRow(parse(`${line.slice(0, at)}}`, asked), asked), error: error.message }
  }
  if (typeof document?._id !== 'string' || line[end - 1] !== '}') throw brokenAnswer(asked, 'holds a row that is none')
  return { key: document._id, document, hasEscapes: line.includes(escapeSign) }
}

function readRow(value: Value, asked: Asked): Row {
  const { id, key, value: about, doc, error } = (value ?? {}) as { [member: string]: Value | undefined }
  const { rev, deleted } = (about ?? {}) as { rev?: Value; deleted?: Value }
  const name = typeof id === 'string' ? id : key
  // An error in the middle of an answer stands where a row should be.
  if (typeof name !== 'string')
    throw brokenAnswer(
      asked,
      typeof error === 'string' ? `ended with an error: ${errorName(error) ?? 'unnamed'}` : 'holds a row that is none'
    )
  return {
    key: name,
    ...(typeof rev === 'string' && { revision: rev }),
    ...(doc !== null && typeof doc === 'object' && { document: doc as Document }),
    ...(deleted === true && { deleted }),
    ...(typeof error === 'string' && { error: errorName(error) ?? 'an error without a name' })
  }
}

function parse(text: string, asked: Asked): Value {
  try {
    return parseJson(text)
  } catch (error) {
    if (error instanceof SyntaxError) throw brokenAnswer(asked, 'is no whole JSON')
    throw error
  }
}
