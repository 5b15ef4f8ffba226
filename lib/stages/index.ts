import type { Stage } from '../types.ts'
import { stripCouchdbMetadata } from './couchdb-metadata.ts'
import { leaveOutDesignDocuments } from './design-documents.ts'

export { isOfRepair, leaveOutRight } from './already-right.ts'
export { stripCouchdbMetadata } from './couchdb-metadata.ts'
export { leaveOutDesignDocuments } from './design-documents.ts'
export { pick } from './pick.ts'
export { rename } from './rename.ts'
export { strip } from './strip.ts'

interface BuiltInOptions {
  readonly includeDesign?: boolean
  readonly keepMetadata?: boolean
  readonly attachments?: boolean | undefined
}

/** Those of every run, in front of the user's. */
export function builtInStages(
  { includeDesign = false, keepMetadata = false, attachments = false }: BuiltInOptions,
  onStripped?: Parameters<typeof stripCouchdbMetadata>[0]
): Stage[] {
  return [
    ...(includeDesign ? [] : [leaveOutDesignDocuments()]),
    ...(keepMetadata ? [] : [stripCouchdbMetadata(onStripped, { attachments })])
  ]
}
