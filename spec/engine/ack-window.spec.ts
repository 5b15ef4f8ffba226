import { expect } from 'chai'
import { AckWindow } from '../../lib/engine/ack-window.ts'
import { Mark } from '../../lib/types.ts'

describe('engine: ack window', () => {
  let passed: string[]
  let window: AckWindow<Mark>

  beforeEach(() => {
    passed = []
    window = new AckWindow(mark => passed.push(mark.cursor))
  })

  const mark = (cursor: string): Mark => new Mark('p', cursor, 1, 1)

  it('passes a mark on at once where nothing is under way', () => {
    window.mark(mark('a'))
    expect(passed).to.deep.equal(['a'])
  })

  it('holds a mark back until the batches before it are acknowledged', () => {
    const batch = window.open()
    window.mark(mark('a'))
    expect(passed).to.deep.equal([])
    window.acknowledge(batch)
    expect(passed).to.deep.equal(['a'])
  })

  it('passes marks on in their order, whatever the order of the acknowledgements', () => {
    const first = window.open()
    window.mark(mark('a'))
    const second = window.open()
    window.mark(mark('b'))
    const third = window.open()
    window.mark(mark('c'))
    window.acknowledge(third)
    window.acknowledge(second)
    expect(passed).to.deep.equal([])
    window.acknowledge(first)
    expect(passed).to.deep.equal(['a', 'b', 'c'])
  })

  it('does not wait for batches opened behind the mark', () => {
    const first = window.open()
    window.mark(mark('a'))
    window.open()
    window.mark(mark('b'))
    window.acknowledge(first)
    expect(passed).to.deep.equal(['a'])
  })
})
