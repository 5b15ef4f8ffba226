/** Documents and their lines, and the digests that tell both. */
import { digestLines, maxBlockBytes } from '../kernel/kernel.ts'
import { digestsFromText, documentDigests, parseJson, stringifyJson } from '../values/index.ts'
import type { Document, DocumentDigests } from '../values/index.ts'
import { areNeighbours, lineBytes, lineText, ordinaryLine } from './line-bytes.ts'
import type { LineBytes } from './line-bytes.ts'

/** A document and its text. */
export interface DocumentLine {
  readonly document: Document
  /** By `stringifyJson`. */
  readonly line: LineBytes
  /** Of the document, once somebody has asked for them. */
  digests: DocumentDigests | undefined
}

/** @param text of the document; default: as `stringifyJson` makes it */
export function documentLine(document: Document, text?: string): DocumentLine {
  const line = text === undefined ? (ordinaryLine(document) ?? lineBytes(stringifyJson(document))) : lineBytes(text)
  return { document, line, digests: undefined }
}

/** The line of a document that JSON.stringify writes right; undefined for any other. */
export function ordinaryDocumentLine(document: Document): DocumentLine | undefined {
  const line = ordinaryLine(document)
  return line && { document, line, digests: undefined }
}

export function lineDigests(line: DocumentLine): DocumentDigests {
  if (line.digests) return line.digests
  const digests = documentDigests(line.document)
  // A number may come back as another kind: a bigint that a number holds, as that.
  return (line.digests = digests.kinds ? documentDigests(parseJson(lineText(line.line)) as Document) : digests)
}

/** Make the digests that are missing, of as many documents as can be from their lines, which costs less than to walk through the documents. */
export function digestDocumentLines(lines: readonly DocumentLine[]): void {
  for (let first = 0; first < lines.length;) {
    let last = first
    const { chunk, from } = lines[first]!.line
    while (last + 1 < lines.length && areNeighbours(lines[last]!.line, lines[last + 1]!.line)) last++
    const { to } = lines[last]!.line
    const begin = first
    if (lines[first]!.digests === undefined && to - from <= maxBlockBytes)
      digestLines(chunk.subarray(from, to), (index, values, kinds) => (lines[begin + index]!.digests ??= digestsFromText(values, kinds)))
    first = last + 1
  }
  for (const line of lines) lineDigests(line)
}
