import { ControlItem } from '../types.ts'
import type { Document } from '../types.ts'

/** So many documents pass from one stream to the next at once: each passing costs as much as a few stages. */
export const sliceSize = 64

/** Items that streams of slices hold at each boundary: what is read ahead of a failure is read for nothing. */
export const slicesAhead = 1

/** Documents that follow one another, within a section and between two marks. Inside of a run they travel so; at the public edges one by one. */
export class DocumentSlice extends ControlItem {
  readonly documents: readonly Document[]

  constructor(documents: readonly Document[]) {
    super()
    this.documents = documents
  }
}

/** Documents from one index to another, in slices. */
export function* slicesOf(documents: readonly Document[], from: number, to: number): Generator<DocumentSlice, void, undefined> {
  for (let at = from; at < to; at += sliceSize) yield new DocumentSlice(documents.slice(at, Math.min(at + sliceSize, to)))
}
