/** In a run's folder: the `_security` objects that it replaced, and what it put in their place. */
import { join } from 'node:path'
import type { PutSecurity } from '../engine/security.ts'
import { readState, writeState } from './state-file.ts'

const name = 'security.json'

/** What a run that goes on finds kept already stays: that is how it was before. */
export async function keepSecurity(folder: string, put: readonly PutSecurity[]): Promise<void> {
  const before = await keptSecurity(folder)
  const known = new Set(before.map(({ collection }) => collection))
  await writeState(join(folder, name), 'security', { put: [...before, ...put.filter(({ collection }) => !known.has(collection))] })
}

/** @throws {DocferryError} DOCFERRY_STATE */
export async function keptSecurity(folder: string): Promise<readonly PutSecurity[]> {
  const state = (await readState(join(folder, name), 'security')) as { readonly put: readonly PutSecurity[] } | undefined
  return state?.put ?? []
}
