import { DocferryError } from '../errors.ts'

/** For options that a stage can't be made of. */
export function configError(message: string, cause?: unknown): DocferryError {
  return new DocferryError('DOCFERRY_CONFIG', message, cause === undefined ? {} : { cause })
}
