/** Beginning something once, although an answer may be lost: before a call is sent again, it is looked whether the lost one has begun it. */
import { withRetry } from '../../../engine/retry.ts'
import type { RetryOptions } from '../../../engine/retry.ts'
import { DocferryError } from '../../../errors.ts'
import { isMissing, isRefused, mayHaveBegun } from './errors.ts'

interface Named {
  readonly name: string
}

export interface Beginning<T extends Named> {
  /** One try. */
  readonly send: () => Promise<T>
  /** All that there is of the kind that a try may have begun. */
  readonly look: () => Promise<readonly T[]>
}

/** A minute or so in all: exports and imports have a quota for each minute. */
export const beginWaits = { attempts: 9, baseMs: 1_000, capMs: 30_000 } as const

/**
 * @returns what was begun, by whichever try
 * @throws {DocferryError} of `mayHaveBegun` where that is not known; the signal's reason
 */
export async function beginOnce<T extends Named>({ send, look }: Beginning<T>, options: RetryOptions): Promise<T> {
  const before = await namesOf(look)
  let doubt: DocferryError | undefined
  return await withRetry(async () => {
    const made = doubt && (await find(doubt))
    if (made) return made
    try {
      return await send()
    } catch (error) {
      if (!(error instanceof DocferryError)) throw error
      if (mayHaveBegun(error)) doubt = error
      if (doubt && !before) throw unseen(doubt)
      // What refuses it for good may be what a lost try has begun.
      const late = doubt && !error.retryable ? await find(doubt) : undefined
      if (late) return late
      throw error
    }
  }, options)

  /** @throws what is in doubt, as long as that can't be told */
  async function find(lost: DocferryError): Promise<T | undefined> {
    try {
      return (await look()).find(({ name }) => !before?.has(name))
    } catch (error) {
      if (isMissing(error)) return undefined
      options.signal?.throwIfAborted()
      throw lost
    }
  }
}

/** @returns undefined where the account may not look */
async function namesOf(look: () => Promise<readonly Named[]>): Promise<ReadonlySet<string> | undefined> {
  try {
    return new Set((await look()).map(({ name }) => name))
  } catch (error) {
    if (isMissing(error)) return new Set()
    if (isRefused(error)) return undefined
    throw error
  }
}

/** The same error, after which nobody tries again. */
function unseen({ code, message, context, cause }: DocferryError): DocferryError {
  return new DocferryError(code, message, { ...context, cause })
}
