/** Standard output where it takes no more: neither documents nor what a command tells are lost there without a word. */
import { writeSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { DocferryError, isFileTooLarge, isNoRoom } from '../errors.ts'

/** Failures that a command has ended with. */
const ended = new WeakSet<Error>()

/** Documents can't be written there: the command ends with it. */
export function documentsLost(error: NodeJS.ErrnoException): DocferryError {
  ended.add(error)
  return failure(error, 'before all documents were written to it')
}

/** @returns what is to be told of the end of a command; undefined where all was written, or who read it has left, as `head` does */
export function reportLost({ errored }: Pick<Writable, 'errored'>): DocferryError | undefined {
  if (errored === null || ended.has(errored) || (errored as NodeJS.ErrnoException).code === 'EPIPE') return undefined
  return failure(errored, 'before all was written to it that this command tells')
}

function failure(error: NodeJS.ErrnoException, when: string): DocferryError {
  const { code = error.message } = error
  const what = isFileTooLarge(error) ? 'may not grow any more' : isNoRoom(error) ? 'is full' : code === 'EPIPE' ? 'was closed' : 'failed'
  return new DocferryError('DOCFERRY_TARGET', `standard output ${what} ${when} (${code})`, { cause: error })
}

/** Where standard output is a file, Node tries once, and takes a part for the whole: that a disk became full, only another write would tell. */
export function writeWhole(stream: Writable): void {
  const file = stream as Writable & { readonly _type?: string; readonly fd: number }
  if (file._type !== 'fs') return
  file._write = (chunk: Buffer, _encoding, done) => {
    try {
      for (let at = 0; at < chunk.length;) at += writeSync(file.fd, chunk, at)
    } catch (error) {
      return done(error as Error)
    }
    done()
  }
}
