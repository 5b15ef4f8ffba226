import { expect } from 'chai'
import { applyStages } from '../../lib/engine/apply-stages.ts'
import type { Document, Stage } from '../../lib/types.ts'

const stage = (name: string, apply: Stage['apply']): Stage => ({ name, apply })
const context = { collection: 'agents' }

async function run(stages: readonly Stage[], document: Document, observer = {}): Promise<Document[]> {
  const out: Document[] = []
  await applyStages(stages, document, context, result => void out.push(result), observer)
  return out
}

describe('engine: stages', () => {
  it('hands a document through functions in order', async () => {
    const add = (text: string) => stage(text, document => ({ ...document, text: `${String(document['text'])}${text}` }))
    expect(await run([add('a'), add('b'), add('c')], { _id: '1', text: '' })).to.deep.equal([{ _id: '1', text: 'abc' }])
  })

  it('stays synchronous while the stages are', () => {
    expect(applyStages([stage('same', document => document)], { _id: '1' }, context, () => undefined)).to.equal(undefined)
  })

  it('waits for a promise', async () => {
    expect(
      await run([stage('later', async document => Promise.resolve({ ...document, n: 1 })), stage('same', d => d)], { _id: '1' })
    ).to.deep.equal([{ _id: '1', n: 1 }])
  })

  it('counts a document for which a stage returns nothing', async () => {
    const filtered: string[] = []
    const observer = { onFiltered: (by: Stage) => filtered.push(by.name) }
    expect(await run([stage('drop', () => undefined)], { _id: '1' }, observer)).to.deep.equal([])
    expect(await run([stage('later', () => Promise.resolve(null))], { _id: '1' }, observer)).to.deep.equal([])
    expect(await run([stage('none', () => [])], { _id: '1' }, observer)).to.deep.equal([])
    expect(filtered).to.deep.equal(['drop', 'later', 'none'])
  })

  it('takes arrays, generators and async generators, and counts what is added', async () => {
    let added = 0
    const observer = { onAdded: (count: number) => (added += count) }
    const copies = (document: Document) => [document, { ...document, _id: `${document._id}-2` }]
    const generator = function* (document: Document) {
      yield* copies(document)
    }
    const asyncGenerator = async function* (document: Document) {
      await Promise.resolve()
      yield* copies(document)
    }
    for (const apply of [copies, generator, asyncGenerator]) {
      expect((await run([stage('split', apply), stage('same', d => d)], { _id: '1' }, observer)).map(({ _id }) => _id)).to.deep.equal([
        '1',
        '1-2'
      ])
    }
    expect(added).to.equal(3)
  })

  it('refuses a document with an empty id, unless it had none before', async () => {
    const nameless = stage('nameless', document => ({ ...document, _id: '' }))
    expect(await run([nameless], { _id: '', n: 1 })).to.deep.equal([{ _id: '', n: 1 }])
    const error = await run([nameless], { _id: 'a' }).catch((thrown: unknown) => thrown)
    expect(error).to.include({ code: 'DOCFERRY_STAGE' })
    expect((error as Error).message).to.include('an _id, which is text and not empty')
  })

  it('names the stage, the collection and the document when a stage throws', async () => {
    const broken: Stage['apply'][] = [
      () => {
        throw new Error('no price')
      },
      () => Promise.reject(new Error('no price')),
      function* () {
        yield { _id: '1' }
        throw new Error('no price')
      }
    ]
    for (const apply of broken) {
      const error = await run([stage('price', apply)], { _id: 'a1' }).catch((reason: Error) => reason)
      expect(error).to.include({ code: 'DOCFERRY_STAGE', message: 'stage price failed on agents/a1: no price' })
    }
  })

  it('refuses what is no document', async () => {
    for (const result of ['text', 5, { name: 'no id' }, [{ no: 'id' }], { _id: 7 }]) {
      const error = await run([stage('bad', () => result as never)], { _id: 'a1' }).catch((reason: Error) => reason)
      expect(error, JSON.stringify(result)).to.include({ code: 'DOCFERRY_STAGE' })
    }
  })

  it('holds the next result back until the last one is taken', async () => {
    const taken: string[] = []
    let release: () => void = () => undefined
    const generator = function* () {
      for (const _id of ['1', '2', '3']) {
        taken.push(`made ${_id}`)
        yield { _id }
      }
    }
    const done = applyStages([stage('many', generator)], { _id: 'x' }, context, document => {
      taken.push(`emitted ${document._id}`)
      return document._id === '1' ? new Promise<void>(resolve => (release = resolve)) : undefined
    })
    await new Promise(setImmediate)
    expect(taken).to.deep.equal(['made 1', 'emitted 1'])
    release()
    await done
    expect(taken.at(-1)).to.equal('emitted 3')
  })
})
