/** What a user can try next, by error code, beyond what the message itself says; and what makes a run stop that can be gone on with. */
import { DocferryError, isFileTooLarge, isNoRoom } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { OnIncompatible } from '../types.ts'

const escaping = 'write it escaped (--on-incompatible escape), or '

export const advice: Readonly<Partial<Record<ErrorCode, string>>> = {
  DOCFERRY_BUG: 'report it with what is printed here (without the passwords in your command): this should not happen',
  DOCFERRY_USAGE: 'run the command with --help for its options and examples',
  DOCFERRY_CONFIG: 'look at the address, the options and the variables named above, also those in .env',
  DOCFERRY_NO_SUCH_COLLECTION: 'take a name that the source holds, or leave --collections out to take them all',
  DOCFERRY_NO_SUCH_BACKUP: 'see what there is: docferry backup list',
  DOCFERRY_COLLECTION_NAME: 'give it a name that the target takes: --rename Old=new',
  DOCFERRY_SAME_PLACE: 'this run has written nothing; check the addresses and the variables that configure them',
  DOCFERRY_PLAN: 'give the options of the plan, or plan again with these: docferry plan ... --save FILE',
  DOCFERRY_CONNECT: 'check that the server runs and that its address and port are right',
  DOCFERRY_AUTH: 'check the user, password, key or credentials file of that end',
  DOCFERRY_PERMISSION: 'grant these credentials the right to do this, or use others',
  DOCFERRY_TARGET: 'see that the target is there, has space and takes writes',
  DOCFERRY_READ: 'see that the source is there, and that it can be read',
  DOCFERRY_DECODE:
    'check the input at the place named, or get it again; where its name does not tell the format, import --format does, or ?format= in an address',
  DOCFERRY_FILE_CUT: 'get the whole file again: what comes after the cut is not in it',
  DOCFERRY_FILE_MISSING: 'copy it to its place again, or export it again; --collections with the others reads these without it',
  DOCFERRY_ATTACHMENT:
    'mend it where it is read from (an export: get it again, with its attachments), and run the same command again: what is there is skipped',
  DOCFERRY_STAGE: 'mend the stage, or leave it out, and run again',
  DOCFERRY_BAD_DOCUMENT: 'mend the input there and import the file again',
  DOCFERRY_CONFLICT: 'use --on-conflict overwrite to replace what the target holds, or skip to leave it',
  DOCFERRY_FIRST_FAILED:
    'mend the one that failed and run again; migrate and import --on-conflict overwrite take the last of each id instead of the first',
  DOCFERRY_DELETED: 'delete it in the target too: docferry deletes nothing there; all ids are in the dead letters',
  DOCFERRY_TOO_LARGE: 'make it smaller (drop fields with --stage strip:field), or take another target',
  DOCFERRY_TOO_DEEP: 'flatten it, or take another target',
  DOCFERRY_BAD_ID: `${escaping}give it another _id in the source`,
  DOCFERRY_BAD_FIELD: `${escaping}rename it (--stage rename:old=new), or drop it (--stage strip:field)`,
  DOCFERRY_BAD_VALUE: 'change the value in the source, or drop the field (--stage strip:field)',
  DOCFERRY_REFUSED: 'see the cause in the dead letters',
  DOCFERRY_REPLICATION: 'see what the server says of it: docferry replicate list --on ADDRESS; then run the same command again',
  DOCFERRY_THROTTLED:
    'wait a while and try again, with a --max-rate that the service takes where documents are moved; or raise its capacity',
  DOCFERRY_DEAD_LETTERS: 'look at the failures above and in the dead letters, mend their cause, and write them again: docferry retry RUN',
  DOCFERRY_REMOVED_SINCE: 'look whether it is still wanted',
  DOCFERRY_CHANGED_SINCE: 'look at the documents that were left, and decide about each',
  DOCFERRY_VERIFY: 'look at the differences that are named, and at the list of all',
  DOCFERRY_RECEIPT:
    'name a receipt.json as a run has made it, or an NDJSON export with its trailer; without one, give the source (--source)',
  DOCFERRY_STATE: 'see that --state-dir names the right folder, and that it can be written to'
}

/** Once their cause is mended, a run that they have stopped goes on. */
const passing: ReadonlySet<ErrorCode> = new Set([
  'DOCFERRY_CONNECT',
  'DOCFERRY_AUTH',
  'DOCFERRY_PERMISSION',
  'DOCFERRY_TARGET',
  'DOCFERRY_READ',
  'DOCFERRY_FILE_CUT',
  'DOCFERRY_FILE_MISSING',
  'DOCFERRY_THROTTLED',
  'DOCFERRY_MAX_FAILURES',
  'DOCFERRY_INTERRUPTED'
])

/** An empty name is no path by itself. */
const emptyNameAdvice = 'rename it (--stage \'rename:""=new\'), or drop it (--stage \'strip:""\'), below the top by its path (a."")'

/** A target of its own lower limit tells that one. */
const deeperThanAnyTarget = /\b1,?000 levels deep/

/** Of some it takes the values alone, so that these can't be read, and no stage gets them either. */
const tooDeepToReadAdvice =
  'flatten it in the source, or where it was read, in a stage (--stage strip:FIELD leaves a field out): no target takes a document that is so deep'

const noRoomAdvice = 'make room on that disk, or name a place on another one'
const tooLargeAdvice =
  'raise the limit of the size of files (ulimit -f), or name a place on a file system that takes larger ones (FAT32 takes 4 GB)'

/** A run goes on by the folder that it has begun with. */
const stateRoomAdvice = 'make room on the disk of the state folder'

/** What to do about a disk, or a file, that takes no more. */
function adviceForRoom(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  return isFileTooLarge(error) ? tooLargeAdvice : isNoRoom(error) ? noRoomAdvice : adviceForRoom(error.cause)
}

/** What to try about documents that failed, by what they failed of and what the run was asked already. */
export function adviceForFailures(
  { code, message }: { readonly code: ErrorCode; readonly message: string },
  { onIncompatible }: { readonly onIncompatible?: OnIncompatible }
): string | undefined {
  if (code === 'DOCFERRY_TOO_DEEP' && deeperThanAnyTarget.test(message)) return tooDeepToReadAdvice
  const isEmptyName = code === 'DOCFERRY_BAD_FIELD' && /field name is empty|empty field name/.test(message)
  const text = isEmptyName ? escaping + emptyNameAdvice : advice[code]
  if (code !== 'DOCFERRY_BAD_ID' && code !== 'DOCFERRY_BAD_FIELD') return text
  const other = onIncompatible === 'escape' ? text?.replace(escaping, '') : text
  return message.includes('--subcollections') ? `take it for a path (--subcollections), ${other}` : other
}

const asideAdvice = 'move it away, or give the stage another file, or say what to do with it (existing: append or overwrite)'

const stageAdvice = 'see to what is named above, or give the stage other options'

/** The message says what stands in the way of an output that was begun. */
const wayIsFree = 'once nothing stands in its place any more'

/** Of what stands in a stage's way: a file is then no output, but one that it writes beside it. */
function adviceForStage(code: ErrorCode, error: unknown): string | undefined {
  if (!(error instanceof DocferryError) || error.context.stage === undefined) return undefined
  return code === 'DOCFERRY_OUTPUT_EXISTS' ? asideAdvice : code === 'DOCFERRY_CONFIG' ? stageAdvice : undefined
}

/** Credentials are refused too where the time in a request is not the server's. */
function adviceForClock(code: ErrorCode, error: unknown): string | undefined {
  const isOfClock = code === 'DOCFERRY_AUTH' && error instanceof DocferryError && error.message.includes('the clock of this machine')
  return isOfClock ? "set this machine's clock right, by its time service (NTP)" : undefined
}

/** Nothing came: a run that had not got far takes it again from its beginning. */
const emptyInputAdvice = 'pipe the whole input in again; into a run that stopped, too: cat FILE | docferry resume'

const receiptAdvice = 'copy the receipt from there to where it belongs: nothing has to be run again'

/** @param error by which the command ended @param goOn the command that goes on with what the error has stopped, where there is one */
export function adviceFor(code: ErrorCode, error?: unknown, goOn?: string): string | undefined {
  const room = adviceForRoom(error)
  if (goOn !== undefined && code === 'DOCFERRY_STATE' && room !== undefined)
    return `${room === noRoomAdvice ? stateRoomAdvice : room}; then go on: ${goOn}`
  if (code === 'DOCFERRY_TARGET' && error instanceof Error && error.message.startsWith('the run is done')) return receiptAdvice
  const isEmpty = code === 'DOCFERRY_FILE_CUT' && error instanceof Error && error.message.startsWith('standard input holds nothing')
  const first = isEmpty ? emptyInputAdvice : (adviceForStage(code, error) ?? room ?? adviceForClock(code, error) ?? advice[code])
  if (goOn !== undefined && code === 'DOCFERRY_OUTPUT_EXISTS' && first === undefined) return `${wayIsFree}, go on: ${goOn}`
  if (goOn === undefined || !passing.has(code)) return first
  return first === undefined ? `go on: ${goOn}` : `${first}; then go on: ${goOn}`
}
