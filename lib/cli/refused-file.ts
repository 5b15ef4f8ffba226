/** The list of documents that would fail: as many as there are, one a line. */
import { once } from 'node:events'
import { createAtomicFile, exists, sideFileError } from '../engine/atomic-file.ts'
import { DocferryError } from '../errors.ts'
import type { RefusedDocument } from '../options.ts'

export interface RefusedFile {
  readonly add: (refused: RefusedDocument) => Promise<void>
  commit(): Promise<void>
  discard(): Promise<void>
}

/** @throws {DocferryError} DOCFERRY_CONFIG where it can't be written, or is there already; DOCFERRY_TARGET where there is no room for it */
export async function openRefused(path: string): Promise<RefusedFile> {
  if (path === '' || path === '-') throw new DocferryError('DOCFERRY_USAGE', '--refused: the name of a file is wanted')
  const failing = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work
    } catch (error) {
      throw sideFileError(`the list can't be written to ${path}`, error)
    }
  }
  if (await failing(exists(path))) throw new DocferryError('DOCFERRY_CONFIG', `${path} exists already: give --refused another name`)
  const file = await failing(createAtomicFile(path))
  let failure: unknown
  file.stream.on('error', error => (failure ??= error))
  const add = async (refused: RefusedDocument): Promise<void> => {
    if (failure !== undefined) throw failure
    if (!file.stream.write(`${JSON.stringify(refused)}\n`)) await Promise.race([once(file.stream, 'drain'), once(file.stream, 'close')])
  }
  const commit = async (): Promise<void> => {
    file.stream.end()
    if (!file.stream.closed) await once(file.stream, 'close')
    if (failure !== undefined) throw failure
    await file.commit()
  }
  return {
    add: refused => failing(add(refused)),
    commit: () => failing(commit()),
    discard: () => file.discard()
  }
}
