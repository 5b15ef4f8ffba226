/** Memory: a store in this process, loaded from and saved to a snapshot file. */
import type { Connector } from '../../types.ts'
import { facts } from './facts.ts'
import { checkOptions, configureMemory } from './options.ts'
import type { MemoryOptions } from './options.ts'
import { openMemorySource } from './reader.ts'
import { openMemoryTarget } from './writer.ts'

export type { MemoryOptions } from './options.ts'
export { createMemoryStore, MemoryStore } from './store.ts'

export const memoryConnector: Connector<MemoryOptions> = {
  name: 'memory',
  configure: configureMemory,
  checkEnd: checkOptions,
  openSource: openMemorySource,
  openTarget: openMemoryTarget,
  facts
}
