/** Documents that will not be written: each becomes a letter, and is counted. */
import { describeError } from '../errors.ts'
import { countFailure } from '../report.ts'
import type { CollectionReport } from '../report.ts'
import type { Document, Refusal, RejectDetails } from '../types.ts'
import type { CollectionState } from './collection-state.ts'

/** A document that will not be written, with everything that is needed to try it again. */
export interface DeadLetter {
  readonly collection: string
  readonly id?: string
  readonly at: 'read' | 'stage' | 'write'
  readonly code: string
  readonly message: string
  /** What the service or the system itself said, where it said more. */
  readonly cause?: string
  /** Place in the input or in the document. */
  readonly where?: string
  /** Of one that a stage failed on: the stage's index, the built-in ones of every run counted; it has those before it behind it. */
  readonly stage?: number
  /** As it was to be written; missing where none could be read. */
  readonly document?: Document
  /** What stood in the input, where it was no document; or the text of one that is nested too deeply to stand in a letter. */
  readonly raw?: string
  /** Its bytes, where they are no UTF-8, so that `raw` can't tell them. */
  readonly rawBase64?: string
  /** The partition, and how many of its marks came before: by this a run that goes on knows which letters are behind it. */
  readonly partition?: string
  readonly mark?: number
}

/** What is wrong with one. */
export type Trouble = (Refusal | RejectDetails) & { readonly where?: string; readonly cause?: unknown }

export interface Burial extends Pick<DeadLetter, 'at' | 'id' | 'document' | 'raw' | 'rawBase64' | 'stage' | 'partition' | 'mark'> {
  readonly state: CollectionState
  readonly bury: (letter: DeadLetter) => Promise<void>
  /** Where it is counted. */
  readonly reports: readonly CollectionReport[]
}

export async function buryDocument({ code, message, where, cause }: Trouble, burial: Burial): Promise<void> {
  const { state, bury, reports, at, id, document, raw, rawBase64, stage, partition, mark } = burial
  // Where the target holds another, that one stands in its place already.
  if (id !== undefined && code !== 'DOCFERRY_CONFLICT') state.addFailed(id)
  await bury({
    collection: state.report.source,
    id,
    at,
    code,
    message,
    cause: causeText(cause),
    where,
    stage,
    document,
    raw,
    rawBase64,
    partition,
    mark
  })
  // Which name is refused, and where it stands, the id alone does not tell.
  const field = code === 'DOCFERRY_BAD_FIELD' && at === 'write' && id !== undefined ? where : undefined
  for (const report of reports) countFailure(report, code, message, id ?? where ?? '', field)
}

/** A cause is told by its kind and message only: inspected, a vendor's may print what was sent. */
function causeText(cause: unknown): string | undefined {
  if (cause === undefined) return undefined
  const text = describeError(cause)
  return cause instanceof Error && cause.name !== 'Error' && cause.name !== 'DocferryError' ? `${cause.name}: ${text}` : text
}
