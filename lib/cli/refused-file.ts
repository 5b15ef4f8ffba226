/** The list of documents that would fail: as many as there are, one a line. */
import { once } from 'node:events'
import { createAtomicFile, exists } from '../engine/atomic-file.ts'
import { describeError, DocferryError } from '../errors.ts'
import type { RefusedDocument } from '../options.ts'

export interface RefusedFile {
  readonly add: (refused: RefusedDocument) => Promise<void>
  commit(): Promise<void>
  discard(): Promise<void>
}

/** @throws {DocferryError} DOCFERRY_CONFIG where it can't be written, or is there already */
export async function openRefused(path: string): Promise<RefusedFile> {
  if (path === '' || path === '-') throw new DocferryError('DOCFERRY_USAGE', '--refused: the name of a file is wanted')
  if (await exists(path)) throw new DocferryError('DOCFERRY_CONFIG', `${path} exists already: give --refused another name`)
  const failed = (error: unknown): DocferryError =>
    new DocferryError('DOCFERRY_CONFIG', `the list can't be written to ${path}: ${describeError(error)}`, { cause: error })
  const file = await createAtomicFile(path).catch((error: unknown) => {
    throw failed(error)
  })
  let failure: unknown
  file.stream.on('error', error => (failure ??= error))
  return {
    async add(refused) {
      if (failure !== undefined) throw failed(failure)
      if (!file.stream.write(`${JSON.stringify(refused)}\n`)) await Promise.race([once(file.stream, 'drain'), once(file.stream, 'close')])
    },
    async commit() {
      file.stream.end()
      if (!file.stream.closed) await once(file.stream, 'close')
      if (failure !== undefined) throw failed(failure)
      await file.commit()
    },
    discard: () => file.discard()
  }
}
