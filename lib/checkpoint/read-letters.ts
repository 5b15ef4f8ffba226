/** Reads a file of dead letters, one by one, whatever its size. */
import { isUtf8 } from 'node:buffer'
import { createReadStream } from 'node:fs'
import type { DeadLetter } from '../engine/dead-letter.ts'
import { DocferryError, describeError } from '../errors.ts'
import { LineSplitter, isBlank } from '../formats/lines.ts'
import type { Line } from '../formats/lines.ts'
import { isMap, parseJson } from '../values/index.ts'
import type { Value } from '../values/index.ts'

export interface StoredLetter {
  readonly letter: DeadLetter
  /** As it stands in the file. */
  readonly text: string
  /** Size in bytes, its line end included. */
  readonly bytes: number
  /** Reading after it gives the rest. */
  readonly cursor: string
}

export interface ReadLettersOptions {
  readonly after?: string | undefined
  /** Only the letters of this collection. */
  readonly collection?: string
}

/** @throws {DocferryError} DOCFERRY_STATE where the file can't be read, or holds what is no dead letter */
export async function* readLetters(path: string, { after, collection }: ReadLettersOptions = {}): AsyncGenerator<StoredLetter> {
  const [start = 0, line = 1] = after === undefined ? [] : (JSON.parse(after) as [number, number])
  const splitter = new LineSplitter({ offset: start, line })
  const isWanted = collection === undefined ? () => true : mayBeOf(collection)
  try {
    for await (const chunk of createReadStream(path, { start, highWaterMark: 1 << 20 })) {
      for (const found of splitter.push(chunk as Buffer)) yield* lettersOf(found)
    }
    const last = splitter.end()
    if (last) yield* lettersOf(last)
  } catch (error) {
    if (error instanceof DocferryError) throw error
    throw new DocferryError('DOCFERRY_STATE', `the dead letters in ${path} can't be read: ${describeError(error)}`, { cause: error })
  }

  function* lettersOf(found: Line): Generator<StoredLetter> {
    if (isBlank(found.bytes) || !isWanted(found.bytes)) return
    const stored = parseLetter(found, path)
    if (collection === undefined || stored.letter.collection === collection) yield stored
  }
}

const usualStart = Buffer.from('{"collection":"')

/** Whether a line may be of this collection: most of the others are told by how they begin, without parsing them. */
function mayBeOf(collection: string): (bytes: Buffer) => boolean {
  const wanted = Buffer.from(collection)
  return bytes => {
    if (!bytes.subarray(0, usualStart.length).equals(usualStart)) return true
    const name = bytes.subarray(usualStart.length, bytes.indexOf('"', usualStart.length))
    return name.equals(wanted) || name.includes('\\')
  }
}

function parseLetter(line: Line, path: string): StoredLetter {
  const { bytes, number, offset, end, tooLong } = line
  const refuse = (why: string): DocferryError =>
    new DocferryError('DOCFERRY_STATE', `line ${number} of ${path} is no dead letter: ${why}; mend it, or take it out`)
  if (tooLong) throw refuse('it is longer than docferry reads, 256 MB')
  if (!isUtf8(bytes)) throw refuse('not valid UTF-8')
  const text = bytes.toString()
  let value: Value
  try {
    value = parseJson(text)
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof DocferryError) throw refuse(error.message)
    throw error
  }
  if (!isLetter(value)) throw refuse('it has no collection, code or message, or does not say at what it failed (read, stage, write)')
  return { letter: value, text, bytes: end - offset, cursor: JSON.stringify([end, number + 1]) }
}

function isLetter(value: unknown): value is DeadLetter {
  if (!isMap(value as Value)) return false
  const { collection, at, code, message } = value as Partial<Record<keyof DeadLetter, unknown>>
  const texts = [collection, code, message].every(text => typeof text === 'string')
  return texts && (at === 'read' || at === 'stage' || at === 'write')
}
