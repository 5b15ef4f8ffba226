/** The text of an export, as a series of pieces; the same for a file, for standard output and for a snapshot of memory. */
import type { SecurityObject } from '../types.ts'
import { stringifyJson } from '../values/index.ts'
import type { Value } from '../values/index.ts'
import { joinLines, listLines } from './line-bytes.ts'
import type { LineBytes } from './line-bytes.ts'
import { formatVersion } from './ndjson.ts'
import { trailerPieces } from './trailer-text.ts'
import type { ListForm } from './listed-json.ts'
import type { StatedCollection } from './trailer-text.ts'

/** In a folder of files, what stands in for their headers and trailers. */
export const manifestName = 'manifest.json'

/** Where its entries are in its text. */
export const manifestList: ListForm = { opening: '  "files": {', indent: '    ' }

/** What an export says of itself before its documents. */
export interface ExportMetadata {
  /** Where the documents come from. */
  readonly provider: string
  /** ISO 8601. */
  readonly exported_at: string
  /** All of them; missing where only what comes tells. */
  readonly collections?: readonly string[]
  /** CouchDB's `_security` objects by collections; missing where none were to be kept. */
  readonly security?: Readonly<Record<string, SecurityObject>>
}

/**
 * The form of an export. The pieces, put together in the order `start`, for each collection `openCollection` and `lines` as often as wanted,
 * and `end`, are the whole text.
 */
export interface ExportText {
  start(metadata: ExportMetadata): string
  /** @param isFirst whether no collection came before */
  openCollection(name: string, isFirst: boolean): string
  /** @param lines documents by `stringifyJson`; @param isFirst whether they are the first of their collection */
  documents(lines: readonly LineBytes[], isFirst: boolean): Buffer
  /** `documents` for lines with their line ends. @param count of the lines */
  packed(lines: Buffer, count: number, isFirst: boolean): Buffer
  /** @param stated of each collection, gone through several times; @param isEmpty whether none was opened. @returns pieces, none of them long */
  end(stated: Iterable<StatedCollection>, isEmpty: boolean): Iterable<string>
}

/** One document a line, and nothing else: one collection at most. */
export const plainText: ExportText = {
  start: () => '',
  openCollection: () => '',
  documents: joinLines,
  packed: lines => lines,
  end: () => []
}

/** NDJSON with a header, a line for each section, and an end that proves that the file is whole. */
export const sectionedText: ExportText = {
  start: ({ provider, exported_at, collections, security }) => {
    const metadata = {
      ...{ provider, exported_at },
      ...(collections && { collections: [...collections] }),
      ...(security && { security: security as Value })
    }
    return stringifyJson({ $docferry: formatVersion, metadata }) + '\n'
  },
  openCollection: name => stringifyJson({ $collection: name }) + '\n',
  documents: joinLines,
  packed: lines => lines,
  end: trailerPieces
}

/** Between two documents of a list. */
const separator = ',\n      '
const separatorBytes = Buffer.from(separator)

function joinElements(lines: Buffer, count: number, isFirst: boolean): Buffer {
  const bytes = Buffer.allocUnsafe(lines.length + count * (separatorBytes.length - 1))
  let to = 0
  for (let from = 0; from < lines.length;) {
    const end = lines.indexOf(0x0a, from)
    for (let index = 0; index < separatorBytes.length; index++) bytes[to++] = separatorBytes[index]!
    to += lines.copy(bytes, to, from, end)
    from = end + 1
  }
  return isFirst ? bytes.subarray(1) : bytes
}

/** Gofannon's JSON, a document a line. */
export const jsonText: ExportText = {
  start({ provider, exported_at, collections, security }) {
    const names = collections?.map(name => `\n      ${JSON.stringify(name)}`).join(',')
    const list = names === undefined ? '' : `,\n    "collections": [${names}${names && '\n    '}]`
    return `{
  "metadata": {
    "provider": ${JSON.stringify(provider)},
    "exported_at": ${JSON.stringify(exported_at)}${list}${security ? `,\n    "security": ${stringifyJson(security as Value)}` : ''}
  },
  "data": {`
  },
  openCollection: (name, isFirst) => `${isFirst ? '' : '\n    ],'}\n    ${JSON.stringify(name)}: [`,
  documents: (lines, isFirst) => listLines(lines, isFirst ? separator.slice(1) : separator, separator),
  packed: joinElements,
  end: (_, isEmpty) => [`${isEmpty ? '' : '\n    ]'}\n  }\n}\n`]
}
