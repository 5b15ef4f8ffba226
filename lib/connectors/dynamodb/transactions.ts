/**
 * Puts and removals of which each has a condition, together in one transaction: the condition is checked where the change happens, so nothing
 * can come between.
 */
import { DocferryError } from '../../errors.ts'
import type { WriteFailure } from '../../types.ts'
import type { Connection } from './client.ts'
import { cancellationReasons, isConditionFailure, isRefusal, isRefusedOnTheWay, refusedDocument, translate } from './errors.ts'
import type { CancellationReason } from './errors.ts'

/** Indexes of documents that go in one request. */
export type Part = readonly number[]

/** One call of the connector's under way. */
export interface Sending<Outcome> {
  readonly connection: Connection
  readonly collection: string
  readonly signal?: AbortSignal | undefined
  /** By index; filled as the parts end. */
  readonly outcomes: (Outcome | WriteFailure)[]
}

/** A request of its own, and one of several in a transaction. */
export interface Action {
  readonly verb: 'Put' | 'Delete'
  /** JSON, with its condition, in pieces. */
  readonly request: readonly Buffer[]
}

export interface Conditional<Outcome> extends Sending<Outcome> {
  readonly action: (index: number) => Action
  /** The outcome where the condition holds, and where it does not. */
  readonly done: Outcome
  readonly conflict: Outcome | WriteFailure
  /** In place of `conflict` where a call that held the document may have been applied. Default: the same. */
  readonly doubted?: WriteFailure
}

/**
 * Wait for every part. Throttling of one part is a failure of its documents, that of all of them ends the call. Any other error ends the
 * call: what was written by then is not known, which the caller is told by the throw.
 */
export async function settle(outcomes: readonly (string | WriteFailure)[], work: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(work)
  const errors = results.flatMap(result => (result.status === 'rejected' ? [result.reason as unknown] : []))
  const fatal = errors.find(error => !(error instanceof DocferryError && error.retryable)) ?? errors[0]
  if (fatal !== undefined) throw fatal
  const failures = outcomes.filter(outcome => typeof outcome === 'object')
  const [first] = failures
  if (first && failures.length === outcomes.length && failures.every(({ cause }) => cause instanceof DocferryError)) throw first.cause
}

/** Do a part as one transaction: those whose conditions don't hold are taken out, and the rest is sent again. */
export async function changeTogether<Outcome>(part: Part, sending: Conditional<Outcome>): Promise<void> {
  const { connection, collection, signal, outcomes, action, done, conflict } = sending
  let pending = part
  while (pending.length > 0) {
    signal?.throwIfAborted()
    const body = bodyOf(pending, '{"TransactItems":[', ']}', index => {
      const { verb, request } = action(index)
      return [Buffer.from(`{"${verb}":`), ...request, closing]
    })
    try {
      await connection.send('TransactWriteItems', body, { collection, signal })
      for (const index of pending) outcomes[index] = done
      return
    } catch (error) {
      const reasons = cancellationReasons(error)
      if (reasons?.length === pending.length) {
        const innocent = pending.filter((index, position) => {
          const outcome = outcomeOf(reasons[position], conflict)
          if (outcome !== undefined) outcomes[index] = outcome
          return outcome === undefined
        })
        if (innocent.length === pending.length)
          throw translate(error, { operation: 'TransactWriteItems', address: connection.location.address, collection, writing: true })
        pending = innocent
      } else if (!isRefusal(error)) {
        return throwUnlessThrottled(sending, pending, error, 'TransactWriteItems')
      } else if (pending.length === 1) {
        return changeAlone(behind(error, sending), pending[0] as number)
      } else {
        const rest = behind(error, sending)
        return eachHalf(pending, half => changeTogether(half, rest))
      }
    }
  }
}

/** What is sent again behind a refusal that may have been none: it may meet itself. */
function behind<Outcome>(error: unknown, sending: Conditional<Outcome>): Conditional<Outcome> {
  const { conflict, doubted = conflict } = sending
  return isRefusedOnTheWay(error) ? { ...sending, conflict: doubted } : sending
}

/** What a cancelled transaction says of one document; `undefined` when the document was not the reason. */
function outcomeOf<Outcome>(reason: CancellationReason | undefined, conflict: Outcome): Outcome | WriteFailure | undefined {
  switch (reason?.Code) {
    case undefined:
    case 'None':
      return undefined
    case 'ConditionalCheckFailed':
      return conflict
    case 'TransactionConflict':
      return throttled('another transaction is writing this document')
    case 'ProvisionedThroughputExceeded':
    case 'ThrottlingError':
      return throttled('DynamoDB asks for less')
    default:
      return refusedDocument({ name: reason?.Code, message: reason?.Message })
  }
}

/** A document that no transaction takes, on its own: the answer says why. */
async function changeAlone<Outcome>(sending: Conditional<Outcome>, index: number): Promise<void> {
  const { connection, collection, signal, outcomes, action, done, conflict } = sending
  const { verb, request } = action(index)
  try {
    await connection.send(`${verb}Item`, Buffer.concat(request), { collection, signal })
    outcomes[index] = done
  } catch (error) {
    if (isConditionFailure(error)) outcomes[index] = conflict
    else if (isRefusal(error)) outcomes[index] = refusedDocument(error)
    else throwUnlessThrottled(sending, [index], error, `${verb}Item`)
  }
}

const comma = Buffer.from(',')
const closing = Buffer.from('}')

/** A request about several documents. @param piecesOf the JSON of each */
function bodyOf(part: Part, before: string, after: string, piecesOf: (index: number) => readonly Buffer[]): Buffer {
  const pieces: Buffer[] = [Buffer.from(before)]
  for (const [position, index] of part.entries()) {
    if (position > 0) pieces.push(comma)
    pieces.push(...piecesOf(index))
  }
  pieces.push(Buffer.from(after))
  return Buffer.concat(pieces)
}

export async function eachHalf(part: Part, work: (half: Part) => Promise<void>): Promise<void> {
  const middle = part.length >> 1
  await work(part.slice(0, middle))
  await work(part.slice(middle))
}

export function throttled(message: string): WriteFailure {
  return { code: 'DOCFERRY_THROTTLED', message, retryable: true }
}

/** Fail a part that was throttled. @throws {DocferryError} for what is not about single documents */
export function throwUnlessThrottled<Outcome>(sending: Sending<Outcome>, part: Part, error: unknown, operation: string): void {
  const { connection, collection, signal, outcomes } = sending
  signal?.throwIfAborted()
  const translated = translate(error, { operation, address: connection.location.address, collection, writing: true })
  const { code, message, retryAfterMs } = translated
  if (code !== 'DOCFERRY_THROTTLED') throw translated
  for (const index of part) outcomes[index] = { code, message, retryable: true, retryAfterMs, cause: translated }
}
