import { DocferryError } from '../errors.ts'

/**
 * Documents whose collection nothing names. A run keeps to its options, so that going on with it can't name one either.
 *
 * @param place where they stand: the input, and where in it
 */
export function namelessError(place: string): DocferryError {
  const what =
    'nothing says to which collection the documents belong: name it with --as NAME (in an address: file:PATH?collection=NAME, file:-?collection=NAME)'
  return new DocferryError('DOCFERRY_CONFIG', `${place}: ${what}`, { endsRun: true })
}
