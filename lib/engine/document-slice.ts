import { ControlItem } from '../types.ts'
import type { Document, Page } from '../types.ts'

/** So many documents pass from one stream to the next at once: each passing costs as much as a few stages. */
export const sliceSize = 64

/** Items that streams of slices hold at each boundary: what is read ahead of a failure is read for nothing. */
export const slicesAhead = 1

/** Documents that follow one another, within a section and between two marks. Inside of a run they travel so; at the public edges one by one. */
export class DocumentSlice extends ControlItem {
  readonly documents: readonly Document[]
  readonly known: Known | undefined

  constructor(documents: readonly Document[], known?: Known) {
    super()
    this.documents = documents
    this.known = known
  }
}

/** What the reader tells of each document, by index. Digests hold for the very object, as long as nobody changes it. */
export type Known = Pick<Page, 'digests' | 'leftOut'>

/** Documents of a page from one index to another, in slices. */
export function* slicesOf(
  { documents, digests, leftOut }: Pick<Page, 'documents' | 'digests' | 'leftOut'>,
  from: number,
  to: number
): Generator<DocumentSlice, void, undefined> {
  for (let at = from; at < to; at += sliceSize) {
    const end = Math.min(at + sliceSize, to)
    const known = (digests ?? leftOut) && { digests: digests?.slice(at, end), leftOut: leftOut?.slice(at, end) }
    yield new DocumentSlice(documents.slice(at, end), known)
  }
}
