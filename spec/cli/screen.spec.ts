import { expect } from 'chai'
import { Screen } from '../../lib/cli/screen.ts'
import { FakeStream } from './support/fake-host.ts'

function screenOf(columns: number) {
  const stream = new FakeStream()
  stream.columns = columns
  return { stream, screen: new Screen(stream) }
}

describe('cli: screen', () => {
  it('draws over what it drew before', () => {
    const { stream, screen } = screenOf(80)
    screen.draw(['one', 'two'])
    stream.text = ''
    screen.draw(['three'])
    expect(stream.text).to.equal('\u001b[2A\rthree\u001b[K\n\u001b[J')
  })

  it('counts the rows that lines take once the terminal is narrower', () => {
    const { stream, screen } = screenOf(80)
    screen.draw(['x'.repeat(70)])
    stream.columns = 30
    stream.text = ''
    screen.draw(['y'])
    expect(stream.text).to.match(/^\u001b\[3A/)
  })

  it('lets other lines pass above the block', () => {
    const { stream, screen } = screenOf(80)
    screen.draw(['block'])
    stream.text = ''
    screen.write('a log line\n')
    expect(stream.text).to.equal('\u001b[1A\r\u001b[Ja log line\nblock\u001b[K\n')
  })

  it('gives the cursor back, with and without the block', () => {
    for (const keep of [true, false]) {
      const { stream, screen } = screenOf(80)
      screen.draw(['block'])
      screen.stop(keep)
      expect(stream.text.endsWith('\u001b[?25h')).to.equal(true)
      expect(stream.text.includes('\u001b[1A')).to.equal(!keep)
    }
  })

  it('writes nothing on stopping what never began', () => {
    const { stream, screen } = screenOf(80)
    screen.stop()
    expect(stream.text).to.equal('')
  })
})
