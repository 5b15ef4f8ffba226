import { expect } from 'chai'
import { loadConnector } from '../../lib/registry.ts'
import { providerNames } from '../../lib/config/endpoint.ts'
import { defaultRules } from '../../lib/types.ts'

describe('connectors: facts', () => {
  for (const provider of providerNames) {
    it(`has ${provider} encode a document as it writes it, and refuse one over its own limit`, async () => {
      const { facts } = await loadConnector(provider)
      expect(facts!.encode({ _id: 'a', n: 1 }, defaultRules)).to.have.property('payload')
      const { maxDocumentBytes: most } = facts!
      if (most === undefined) return
      // Two halves, for a single value may have a limit of its own.
      const half = 'x'.repeat(most / 2)
      expect(facts!.encode({ _id: 'a', one: half, two: half }, defaultRules)).to.include({ code: 'DOCFERRY_TOO_LARGE' })
    })
  }
})
