import { expect } from 'chai'
import { YoungGarbage } from '../../lib/kernel/young-garbage.ts'

const MB = 1_048_576

/** A space where each watch finds so many bytes more. */
class Space {
  bytes = 40 * MB
  fills = 0
  readonly #isFreed: boolean
  constructor({ isFreed }: { readonly isFreed: boolean }) {
    this.#isFreed = isFreed
  }
  outside(): number {
    return this.bytes
  }
  fill(): void {
    this.fills++
    if (this.#isFreed) this.bytes = 40 * MB
  }
}

function fillsIn(space: Space, { watches, bytes }: { readonly watches: number; readonly bytes: number }): number {
  const garbage = new YoungGarbage(space)
  for (let watch = 0; watch < watches; watch++) {
    garbage.watch()
    space.bytes += bytes
  }
  return space.fills
}

describe('young garbage', () => {
  it('has it collected each time that many bytes have come', () => {
    expect(fillsIn(new Space({ isFreed: true }), { watches: 100, bytes: MB })).to.be.within(20, 40)
  })
  it('leaves it alone where bytes come and go by themselves', () => {
    const space = new Space({ isFreed: true })
    const garbage = new YoungGarbage(space)
    for (let watch = 0; watch < 100; watch++) {
      space.bytes = (40 + (watch % 2)) * MB
      garbage.watch()
    }
    expect(space.fills).to.equal(0)
  })
  it('hardly tries any more where others hold the bytes', () => {
    expect(fillsIn(new Space({ isFreed: false }), { watches: 1000, bytes: MB })).to.be.below(15)
  })
  it('tries again where the bytes that were held are free', () => {
    const space = new Space({ isFreed: false })
    const garbage = new YoungGarbage(space)
    for (let watch = 0; watch < 200; watch++, space.bytes += MB) garbage.watch()
    const before = space.fills
    space.bytes = 40 * MB
    for (let watch = 0; watch < 200; watch++, space.bytes += MB) garbage.watch()
    expect(space.fills).to.be.above(before)
  })
  it('frees what nobody holds', async () => {
    const garbage = new YoungGarbage()
    garbage.watch()
    const before = process.memoryUsage().arrayBuffers
    for (let made = 0; made < 4 * MB; made += 1024) Buffer.allocUnsafeSlow(1024)
    garbage.watch()
    // V8 frees them beside the main thread, and counts them as freed when others are made.
    while (process.memoryUsage().arrayBuffers > before + MB) {
      await new Promise(resolve => setImmediate(resolve))
      Buffer.allocUnsafeSlow(1)
    }
  })
})
