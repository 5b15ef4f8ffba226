/**
 * The bare loops, each in a process of its own: `node bare.js JOB INPUT OUTPUT`. They read, change and write, and check nothing: no lossless
 * numbers, no digests, no checkpoints.
 */
import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { StringDecoder } from 'node:string_decoder'
import { createGunzip, createGzip } from 'node:zlib'
import { none } from 'stream-chain/core'
import { jsonParser } from 'stream-json/core/parser.js'
import type { Token } from 'stream-json/core/parser.js'
import { own } from './own-stage.ts'
import { TokenBuilder } from './token-builder.ts'

type Fields = Record<string, unknown>

const chunkBytes = 1 << 20
const linesAtOnce = 500

const jobs: Readonly<Record<string, (input: string, output: string) => Promise<void>>> = {
  strip: (input, output) => eachLine(input, output, strip),
  deep: (input, output) => eachLine(input, output, deep),
  citiesDeep: (input, output) => eachLine(input, output, citiesDeep),
  own: (input, output) => eachLine(input, output, applyOwn),
  streamJson,
  parseWhole
}

const [job, input, output] = process.argv.slice(2)
await jobs[job!]!(input!, output!)

function strip(document: Fields): Fields {
  delete document['_rev']
  delete document['_attachments']
  return document
}

/** What the pipeline `deep` says. */
function deep(document: Fields): Fields {
  strip(document)
  const owner = document['owner'] as Fields
  owner['source'] = 'bench'
  const { id, ...rest } = owner
  document['owner'] = { key: id, ...rest }
  const address = owner['address'] as Fields
  address['zip'] = Number(address['zip'])
  return document
}

function applyOwn(document: Fields): object {
  return own.apply(strip(document) as unknown as Parameters<typeof own.apply>[0])
}

/** What the pipeline `cities-deep` says. */
function citiesDeep(document: Fields): Fields {
  strip(document)
  document['place'] = { source: 'bench' }
  document['lat'] = String(document['lat'])
  return document
}

/** Buffers cut at newlines, JSON.parse, JSON.stringify; through gzip where the names say so. */
async function eachLine(input: string, output: string, change: (document: Fields) => object): Promise<void> {
  const write = openOutput(output)
  let lines: string[] = []
  let rest: Buffer = Buffer.alloc(0)
  const file = createReadStream(input, { highWaterMark: chunkBytes })
  for await (const chunk of (input.endsWith('.gz') ? file.pipe(createGunzip({ chunkSize: 64 << 10 })) : file) as AsyncIterable<Buffer>) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
    let start = 0
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
      const document = JSON.parse(bytes.toString('utf8', start, end)) as Fields
      start = end + 1
      lines.push(JSON.stringify(change(document)))
      if (lines.length < linesAtOnce) continue
      await write(`${lines.join('\n')}\n`)
      lines = []
    }
    rest = bytes.subarray(start)
  }
  await write(lines.length > 0 ? `${lines.join('\n')}\n` : '')
  await write(undefined)
}

/** @returns writes text; `undefined` ends it */
function openOutput(path: string): (text: string | undefined) => Promise<void> {
  const file = createWriteStream(path, { highWaterMark: chunkBytes })
  // With the default, compressing does not overlap with the rest.
  const gzip = path.endsWith('.gz') ? createGzip({ writableHighWaterMark: 4 << 20, chunkSize: 64 << 10 } as object) : undefined
  gzip?.pipe(file)
  const out = gzip ?? file
  return async text => {
    if (text === undefined) {
      out.end()
      await once(file, 'close')
    } else if (!out.write(text)) await once(out, 'drain')
  }
}

/** `{"data":{"agents":[...]}}`: each document of each list put together from packed tokens. */
async function streamJson(input: string, output: string): Promise<void> {
  const write = openOutput(output)
  const parse = jsonParser({ packValues: true, streamValues: false })
  const decoder = new StringDecoder()
  const documents: unknown[] = []
  const builder = new TokenBuilder(documents)
  for await (const chunk of createReadStream(input, { highWaterMark: 64 << 10 }) as AsyncIterable<Buffer>) {
    const result: unknown = parse(decoder.write(chunk))
    if (result !== none && result !== null && result !== undefined)
      for (const token of (result as { readonly values: readonly Token[] }).values) builder.take(token)
    if (documents.length < linesAtOnce) continue
    await write(textOf(documents.splice(0)))
  }
  await write(textOf(documents))
  await write(undefined)
}

async function parseWhole(input: string, output: string): Promise<void> {
  const write = openOutput(output)
  const whole = JSON.parse(await readFile(input, 'utf8')) as Fields[] | { readonly data: Readonly<Record<string, readonly Fields[]>> }
  const lists = Array.isArray(whole) ? [whole] : Object.values(whole.data)
  for (const documents of lists)
    for (let at = 0; at < documents.length; at += linesAtOnce) await write(textOf(documents.slice(at, at + linesAtOnce)))
  await write(undefined)
}

function textOf(documents: readonly unknown[]): string {
  let text = ''
  for (const document of documents) text += `${JSON.stringify(document)}\n`
  return text
}
