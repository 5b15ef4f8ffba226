import { getEventListeners } from 'node:events'
import { expect } from 'chai'
import { Halt } from '../../lib/engine/halt.ts'

describe('engine: halt', () => {
  it('waits for the cut once, however many ask', () => {
    const halt = new Halt()
    for (let asked = 0; asked < 10; asked++) void halt.afterCut()
    expect(getEventListeners(halt.cut, 'abort')).to.have.length(1)
    halt.dispose()
  })
})
