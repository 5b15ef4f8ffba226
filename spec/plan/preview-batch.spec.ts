import { expect } from 'chai'
import { previewBatch } from '../../lib/plan/preview-batch.ts'
import type { Preview, PreviewOptions } from '../../lib/plan/preview-batch.ts'
import { openTarget } from '../../lib/open.ts'
import type { ProviderName, Target } from '../../lib/types.ts'
import { scriptedTarget } from '../support/scripted-connector.ts'

const options: PreviewOptions = { onConflict: 'skip', fresh: false }
const ids = ['a', 'b', 'c']

/** Of a target that holds `b`; says also whether it was asked. */
async function preview(changes: Partial<PreviewOptions>, provider: ProviderName = 'couchdb'): Promise<Preview & { asked: number }> {
  const record = scriptedTarget({ held: { agents: [{ _id: 'b', secret: 1 }] }, provider })
  const target = await openTarget(record.endpoint)
  let asked = 0
  const counting: Target = {
    ...target,
    get(...given) {
      asked++
      return target.get(...given)
    }
  }
  const batch = ids.map(id => ({ document: { _id: id }, encoded: { id, bytes: 1, payload: undefined } }))
  const found = await previewBatch(counting, 'agents', batch, { ...options, ...changes })
  expect(record.writes).to.deep.equal([])
  return { ...found, asked }
}

describe('plan: preview of a batch', () => {
  it('skips what the target holds under skip', async () => {
    expect(await preview({})).to.deep.equal({ outcomes: ['written', 'skipped', 'written'], replaced: 0, asked: 1 })
  })

  it('writes everything under overwrite, and counts what is replaced', async () => {
    expect(await preview({ onConflict: 'overwrite' })).to.deep.equal({ outcomes: ['written', 'written', 'written'], replaced: 1, asked: 1 })
  })

  it('fails what the target holds under fail', async () => {
    const { outcomes } = await preview({ onConflict: 'fail' })
    expect(outcomes[0]).to.equal('written')
    expect(outcomes[1]).to.include({ code: 'DOCFERRY_CONFLICT', retryable: false })
  })

  it('does not ask a target that holds nothing', async () => {
    expect(await preview({ fresh: true })).to.deep.equal({ outcomes: ['written', 'written', 'written'], replaced: 0, asked: 0 })
  })

  it('does not ask a file, which holds every document that comes', async () => {
    const { outcomes, asked } = await preview({}, 'file')
    expect({ outcomes, asked }).to.deep.equal({ outcomes: ['written', 'written', 'written'], asked: 0 })
  })

  it('takes an id that came before in the run as there, without asking', async () => {
    const { outcomes, asked } = await preview({ repeated: true })
    expect({ outcomes, asked }).to.deep.equal({ outcomes: ['skipped', 'skipped', 'skipped'], asked: 0 })
  })

  it('counts nothing as replaced in the target that only the run itself wrote before', async () => {
    expect(await preview({ repeated: true, onConflict: 'overwrite' })).to.deep.include({
      outcomes: ['written', 'written', 'written'],
      replaced: 0
    })
  })

  it('takes a target that cannot be asked as one that holds nothing', async () => {
    const target = await openTarget(scriptedTarget({ held: { agents: [{ _id: 'a' }] } }).endpoint)
    const batch = [{ document: { _id: 'a' }, encoded: { id: 'a', bytes: 1, payload: undefined } }]
    const { outcomes } = await previewBatch({ ...target, get: async () => null }, 'agents', batch, options)
    expect(outcomes).to.deep.equal(['written'])
  })
})
