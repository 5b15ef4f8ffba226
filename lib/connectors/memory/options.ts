/** Which store a run uses, and the file that it is loaded from and saved to. */
import { resolve } from 'node:path'
import { DocferryError } from '../../errors.ts'
import { formatOfName } from '../../formats/open-input.ts'
import type { Environment } from '../../types.ts'
import type { MemoryStore } from './store.ts'

export interface MemoryOptions {
  /** A store of this process, made by `createMemoryStore`. Default: a new one, filled from the snapshot. */
  readonly store?: MemoryStore
  /**
   * Path of a file in the form of a `.json` export, perhaps with `.gz`. A source must find it, and also reads the other formats; a target
   * starts from it if it is there, and replaces it when the run ends.
   */
  readonly snapshot?: string
}

/**
 * @param text `memory` (the snapshot is `MEMORY_SNAPSHOT`) or `memory:snapshot.json`
 * @throws {DocferryError} DOCFERRY_CONFIG
 */
export function configureMemory(text: string, environment: Environment): MemoryOptions {
  const [, path = ''] = /^memory:?(.*)$/s.exec(text) ?? []
  if (path.startsWith('//'))
    throw new DocferryError('DOCFERRY_CONFIG', `${text}: write memory:snapshot.json or memory:/data/snapshot.json, without //`)
  const snapshot = path || environment.MEMORY_SNAPSHOT
  return snapshot ? { snapshot } : {}
}

/** @throws {DocferryError} DOCFERRY_CONFIG where there is neither a store nor a file: nothing could be read, or what is written would be lost */
export function checkOptions({ store, snapshot }: MemoryOptions, end: 'source' | 'target'): void {
  if (!store && snapshot === undefined) {
    const why =
      end === 'source'
        ? 'nothing outside a process can read its memory, and this one has just begun'
        : 'what is written to the memory of this process would be gone when it ends'
    throw new DocferryError('DOCFERRY_CONFIG', `memory: ${why}: name a snapshot, as in memory:snapshot.json, or set MEMORY_SNAPSHOT`)
  }
  if (end === 'target' && snapshot !== undefined && formatOfName(snapshot).format === 'ndjson') {
    throw new DocferryError(
      'DOCFERRY_CONFIG',
      `memory: a snapshot is saved as JSON, so that ${snapshot} must not end in .ndjson; or write file:${snapshot}`
    )
  }
}

/** Where a store is, for people. */
export function addressOf({ snapshot }: MemoryOptions): string {
  return snapshot === undefined ? 'in this process' : `snapshot ${resolve(snapshot)}`
}
