/** The files that both sides read, made anew for each run of the benchmark: the same seed gives the same bytes. */
import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { Document } from '../../lib/types.ts'
import { simpleDocuments } from '../../spec/support/generator.ts'

export interface Input {
  readonly path: string
  readonly documents: number
  readonly bytes: number
}

/** Documents whose texts are made; those behind them have the same contents under other ids. */
const distinct = 20_000
const chunkLength = 1 << 20

/** `{"_id":"doc-000000000",` as the generator writes it. */
const idLength = '{"_id":"doc-000000000",'.length

/** Documents as CouchDB gives them: each with `_rev`, each tenth with `_attachments`. @param bytes of each one's JSON, about */
export function couchdbTexts(bytes: number): string[] {
  return [...simpleDocuments({ seed: 1, count: distinct, bytes })].map((document, index) => {
    const { _id, ...rest } = document
    const attachments = {
      'a.txt': { content_type: 'text/plain', revpos: 1, digest: 'md5-1B2M2Y8AsgTpgAmY7PhCfg==', length: index, stub: true }
    }
    const revision = `${1 + (index % 9)}-${String(index).padStart(32, '0')}`
    return JSON.stringify({ _id, _rev: revision, ...rest, ...(index % 10 === 0 && { _attachments: attachments }) })
  })
}

/** @param length bytes, about; or so many documents */
export async function writeRepeated(
  path: string,
  texts: readonly string[],
  length: { readonly bytes: number } | { readonly documents: number }
): Promise<Input> {
  let documents = 0
  let bytes = 0
  const isEnough = (): boolean => ('bytes' in length ? bytes >= length.bytes : documents >= length.documents)
  function* lines(): Generator<string> {
    while (!isEnough()) {
      const line = `{"_id":"doc-${String(documents).padStart(9, '0')}",${texts[documents % texts.length]!.slice(idLength)}\n`
      documents++
      bytes += line.length
      yield line
    }
  }
  await writePieces(path, lines())
  return { path, documents, bytes }
}

export async function writeLines(path: string, documents: Iterable<Document>): Promise<Input> {
  let count = 0
  let bytes = 0
  function* lines(): Generator<string> {
    for (const document of documents) {
      const line = `${JSON.stringify(document)}\n`
      count++
      bytes += line.length
      yield line
    }
  }
  await writePieces(path, lines())
  return { path, documents: count, bytes }
}

export async function writePieces(path: string, pieces: Iterable<string>): Promise<void> {
  function* chunks(): Generator<Buffer> {
    let chunk = ''
    for (const piece of pieces) {
      chunk += piece
      if (chunk.length < chunkLength) continue
      yield Buffer.from(chunk)
      chunk = ''
    }
    yield Buffer.from(chunk)
  }
  const input = Readable.from(chunks(), { highWaterMark: 4 })
  const file = createWriteStream(path)
  if (path.endsWith('.gz')) await pipeline(input, createGzip(), file)
  else await pipeline(input, file)
}
