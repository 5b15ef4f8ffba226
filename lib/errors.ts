/** Every error that docferry raises on purpose, and the one table from code to meaning to exit code. */

/** What each code means to a user, and how the CLI exits when a run ends with it. Codes are stable; exit codes are those of the README. */
export const errorTable = {
  DOCFERRY_BUG: { exit: 1, meaning: 'a bug in docferry' },
  DOCFERRY_USAGE: { exit: 2, meaning: 'the command line is wrong' },
  DOCFERRY_RUN_UNFIT: { exit: 2, meaning: 'this cannot be done with that run' },
  DOCFERRY_CONFIG: { exit: 2, meaning: 'an address, an option or a variable is missing or wrong' },
  DOCFERRY_NO_SUCH_COLLECTION: { exit: 2, meaning: 'a collection that was named does not exist in the source' },
  DOCFERRY_NO_SUCH_BACKUP: { exit: 2, meaning: 'the service knows no such backup, export, import or restore' },
  DOCFERRY_COLLECTION_NAME: { exit: 2, meaning: 'the target cannot hold a collection of this name' },
  DOCFERRY_SAME_PLACE: { exit: 2, meaning: 'two ends are the same place' },
  DOCFERRY_OUTPUT_EXISTS: { exit: 2, meaning: 'the output file exists already' },
  DOCFERRY_PLAN: { exit: 2, meaning: 'the run is not the one that was planned' },
  DOCFERRY_CONNECT: { exit: 10, meaning: 'a server cannot be reached, or stopped answering' },
  DOCFERRY_AUTH: { exit: 10, meaning: 'the credentials are missing or refused' },
  DOCFERRY_PERMISSION: { exit: 10, meaning: 'the credentials do not permit this' },
  DOCFERRY_TARGET: { exit: 10, meaning: 'the target cannot be written to' },
  DOCFERRY_READ: { exit: 20, meaning: 'the source cannot be read' },
  DOCFERRY_DECODE: { exit: 20, meaning: 'the input is not in the expected format' },
  DOCFERRY_FILE_CUT: { exit: 20, meaning: 'the file ends before its end' },
  DOCFERRY_FILE_MISSING: { exit: 20, meaning: 'a file is not there that the source says it has' },
  DOCFERRY_ATTACHMENT: { exit: 20, meaning: 'the bytes of an attachment are missing, or are others than they should be' },
  DOCFERRY_STAGE: { exit: 30, meaning: 'a stage failed' },
  DOCFERRY_BAD_DOCUMENT: { exit: 40, meaning: 'something in the source is no document (no JSON object, no string _id)' },
  DOCFERRY_CONFLICT: { exit: 40, meaning: 'the target holds a document of this id already' },
  DOCFERRY_FIRST_FAILED: { exit: 40, meaning: 'a document of this id came before and failed: this one does not stand in for it' },
  DOCFERRY_DELETED: { exit: 40, meaning: 'the source has deleted a document that the target may still hold' },
  DOCFERRY_TOO_LARGE: { exit: 40, meaning: 'a document is larger than the target takes' },
  DOCFERRY_TOO_DEEP: { exit: 40, meaning: 'a document is nested deeper than the target takes' },
  DOCFERRY_BAD_ID: { exit: 40, meaning: 'the target refuses this id' },
  DOCFERRY_BAD_FIELD: { exit: 40, meaning: 'the target refuses a field name' },
  DOCFERRY_BAD_VALUE: { exit: 40, meaning: 'the target refuses a value' },
  DOCFERRY_REFUSED: { exit: 40, meaning: 'the target refused a document' },
  DOCFERRY_REPLICATION: { exit: 10, meaning: "a server's own replication did not come to its end" },
  DOCFERRY_THROTTLED: { exit: 10, meaning: 'a service kept asking for less until the retries were used up' },
  DOCFERRY_MAX_FAILURES: { exit: 40, meaning: 'more documents failed than the run may lose: it has stopped, and can be continued' },
  DOCFERRY_DEAD_LETTERS: { exit: 40, meaning: 'the run came to its end, but some documents were dead-lettered' },
  DOCFERRY_CHANGED_SINCE: {
    exit: 40,
    meaning: 'not all that the run did could be undone: documents were changed since, or nothing is known of them'
  },
  DOCFERRY_REMOVED_SINCE: { exit: 40, meaning: 'a document that the run had replaced was removed since, and is not put back' },
  DOCFERRY_BACKUP: { exit: 40, meaning: "a service's own backup, export, import or restore has failed" },
  DOCFERRY_NO_SUCH_RUN: { exit: 50, meaning: 'there is no such run' },
  DOCFERRY_RUN_BUSY: { exit: 50, meaning: 'another process is at work on the run' },
  DOCFERRY_STATE: { exit: 50, meaning: 'the run folder cannot be used' },
  DOCFERRY_DIFFERENT: { exit: 60, meaning: 'verification found differences' },
  DOCFERRY_RECEIPT: { exit: 50, meaning: 'the receipt cannot be used' },
  DOCFERRY_VERIFY: { exit: 60, meaning: 'verification found differences' },
  DOCFERRY_EXTRA: { exit: 60, meaning: 'what only the target holds must not be removed as things are' },
  DOCFERRY_TEST: { exit: 60, meaning: 'a test of a pipeline has failed' },
  DOCFERRY_CHECK: { exit: 60, meaning: 'a point of the checklist is not as it should be' },
  DOCFERRY_INTERRUPTED: { exit: 130, meaning: 'interrupted' }
} as const satisfies Record<string, { exit: number; meaning: string }>

export type ErrorCode = keyof typeof errorTable

/** Small context for people and programs: never a document, never a secret. */
export interface ErrorContext {
  readonly provider?: string
  readonly collection?: string
  readonly id?: string
  /** Place in the input: `line 12, byte 3456`. */
  readonly where?: string
  readonly stage?: string
}

export interface DocferryErrorOptions extends ErrorContext {
  readonly cause?: unknown
  /** Whether the same call may work later. Default false. */
  readonly retryable?: boolean
  /** How long the service asks to wait, in milliseconds. */
  readonly retryAfterMs?: number
  /** Whether documents that were handed on before may be wrong: what they were read of is not what it was taken for. Default false. */
  readonly spoilsRun?: boolean
  /** Whether what the run would have to go on with is lost. Default false. */
  readonly endsRun?: boolean
}

/**
 * An error that a user can do something about. The message says what failed, where, and what to try.
 * Whatever else is thrown is a bug.
 */
export class DocferryError extends Error {
  override readonly name = 'DocferryError'
  readonly code: ErrorCode
  readonly context: ErrorContext
  readonly retryable: boolean
  readonly retryAfterMs: number | undefined
  /** A run that it ends must not be gone on with: it would begin behind documents that may be wrong. */
  readonly spoilsRun: boolean
  /** A run that it ends can't be gone on with, whoever tries. */
  readonly endsRun: boolean

  constructor(code: ErrorCode, message: string, options: DocferryErrorOptions = {}) {
    const { cause, retryable = false, retryAfterMs, spoilsRun = false, endsRun = false, ...context } = options
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.context = context
    this.retryable = retryable
    this.retryAfterMs = retryAfterMs
    this.spoilsRun = spoilsRun
    this.endsRun = endsRun
  }

  get exitCode(): number {
    return errorTable[this.code].exit
  }
}

/** The exit code for whatever ended a command. */
export function exitCodeOf(error: unknown): number {
  return error instanceof DocferryError ? error.exitCode : errorTable.DOCFERRY_BUG.exit
}

/** One line about an unknown error, from its message and code only: an inspected vendor error may print credentials. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = (error as { code?: unknown }).code
  return typeof code === 'string' && !error.message.includes(code) ? `${error.message} (${code})` : error.message
}

/** Whether it is the system's word that a disk, or what may be used of it, is full, or that a file may not grow any more. */
export function isNoRoom(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown }
  return code === 'ENOSPC' || code === 'EDQUOT' || isFileTooLarge(error)
}

/** Whether it is the system's word that a file would be larger than one may be there: however much room the disk has. */
export function isFileTooLarge(error: unknown): boolean {
  return ((error ?? {}) as { code?: unknown }).code === 'EFBIG'
}

/** @param name of what was read in part, and is read only once */
export function readInPart(name: string): DocferryError {
  const why = 'nothing tells whether what comes now is what came before'
  const what =
    'Begin anew, from a file if it may stop again: a database skips what it holds by then; of a file, NAME.partial-* can be deleted'
  return new DocferryError('DOCFERRY_RUN_UNFIT', `${name} can not be gone on with: ${why}. ${what}`)
}
