/** Tries a write: a document in a collection of its own, which is looked up, and removed with its collection. */
import { randomBytes } from 'node:crypto'
import { closeEnd } from '../engine/close-end.ts'
import { withRetry } from '../engine/retry.ts'
import { DocferryError } from '../errors.ts'
import { openTarget, silentLogger } from '../open.ts'
import type { Target } from '../types.ts'
import type { Checklist, Found } from './checklist.ts'
import type { CheckOptions } from './options.ts'

const what = 'the target can be written to'

export async function probeWrite({ location }: Target, options: CheckOptions, list: Checklist): Promise<void> {
  if (location.provider === 'file' || location.provider === 'memory')
    return list.skip('target.write', what, 'it is made as a whole when the run ends; whether there is room and a right to is above')
  // A name that every database takes.
  const collection = `docferry-check-${randomBytes(6).toString('hex')}`
  await list.check('target.write', what, async () => await probe(collection, options))
}

async function probe(collection: string, { target: endpoint, environment, signal, logger = silentLogger }: CheckOptions): Promise<Found> {
  const target = await openTarget(endpoint!, { environment, signal, logger })
  const id = 'docferry-check'
  try {
    await withRetry(() => target.prepare(collection, { create: true, signal }), { signal })
    try {
      const encoded = target.encode(collection, { _id: id, from: 'docferry check' })
      if (!('payload' in encoded)) throw new DocferryError(encoded.code, encoded.message, { collection })
      const [outcome] = await withRetry(() => target.write(collection, [encoded], { onConflict: 'fail', fresh: true, signal }), { signal })
      if (typeof outcome === 'object') throw new DocferryError(outcome.code, outcome.message, { collection })
      const [found] = (await target.get(collection, [id], { idsOnly: true, signal })) ?? []
      if (found?._id !== id)
        throw new DocferryError('DOCFERRY_TARGET', `a document that was written to ${collection} is not there`, { collection })
    } finally {
      // Also after an interruption: what the check has made does not stay.
      await remove(target, collection, id)
    }
    return { detail: `a document was written to ${collection}, found and removed` }
  } finally {
    await closeEnd(target, logger)
  }
}

async function remove(target: Target, collection: string, id: string): Promise<void> {
  try {
    const held = (await target.look?.(collection, [id], {})) ?? []
    if (held.length > 0)
      await target.change?.(
        collection,
        held.map(seen => ({ seen })),
        {}
      )
    await target.dropCollection?.(collection, {})
  } catch (error) {
    if (!(error instanceof DocferryError)) throw error
    throw new DocferryError(error.code, `${collection}, which the check has made, can't be removed: ${error.message}; remove it`, {
      collection,
      cause: error
    })
  }
}
