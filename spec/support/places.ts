/** Places in every provider for the length of a test, and a state folder of its own. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Endpoint } from '../../lib/open.ts'
import type { ProviderName } from '../../lib/types.ts'
import { subjects } from '../conformance/subjects.ts'
import type { Subject } from '../conformance/subjects.ts'

export interface Places {
  readonly stateDir: string
  /** @param collections what the test makes there; they are removed behind it */
  readonly place: (provider: ProviderName, ...collections: string[]) => Promise<Endpoint>
}

/** For the suite that calls it. */
export function usePlaces(): Places {
  const opened: { subject: Subject; collections: string[] }[] = []
  let stateDir = ''
  beforeEach(() => {
    stateDir = mkdtempSync(join(tmpdir(), 'docferry-places-'))
  })
  afterEach(async () => {
    rmSync(stateDir, { recursive: true, force: true })
    for (const { subject, collections } of opened.splice(0)) await subject.remove(collections)
  })
  return {
    get stateDir() {
      return stateDir
    },
    place: async (provider, ...collections) => {
      const subject = await subjects[provider]()
      opened.push({ subject, collections })
      return await subject.endpoint()
    }
  }
}
