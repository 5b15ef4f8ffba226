import { expect } from 'chai'
import { presets } from '../../lib/config/presets.ts'

describe('config: presets', () => {
  it("holds the six collections of Gofannon's migration guide", () => {
    expect(presets.gofannon).to.deep.equal(['agents', 'deployments', 'users', 'sessions', 'tickets', 'demos'])
  })
})
