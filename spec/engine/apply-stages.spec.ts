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

  it('names the stage that returns what is no value, and the field, wherever it would have been found', async () => {
    const same = stage('same', document => document)
    const odd = stage('odd', document => ({ ...document, at: [new Date(0) as never] }))
    for (const stages of [[odd], [same, odd], [odd, same], [odd, stage('gone', ({ _id }) => ({ _id }))]]) {
      const error = await run(stages, { _id: 'a1' }).catch((reason: Error) => reason)
      expect(error).to.include({
        code: 'DOCFERRY_STAGE',
        message: 'stage odd failed on agents/a1: it returned something that is no value at at[0] (Date): make it a Timestamp, or text'
      })
    }
  })

  it('does not look through what a stage vouches for, nor through the last one’s where somebody else does', async () => {
    const at = new Date(0) as never
    const odd = stage('odd', document => ({ ...document, at }))
    const kept = [{ _id: 'a1', at }]
    expect(await run([{ ...odd, givesValues: true }, stage('same', ({ _id }) => ({ _id }))], { _id: 'a1' })).to.deep.equal([{ _id: 'a1' }])
    expect(await run([odd], { _id: 'a1' }, { looksThrough: true })).to.deep.equal(kept)
    expect(await run([odd, odd], { _id: 'a1' }, { looksThrough: true }).catch((reason: Error) => reason)).to.be.instanceOf(Error)
  })

  it('ends a generator that goes on behind what is no value, and keeps what came before', async () => {
    let isEnded = false
    const failed: unknown[] = []
    const halves = stage('halves', function* (): Iterable<Document> {
      try {
        yield { _id: '1' }
        yield { _id: '2', at: new Map() as never }
        yield { _id: '3' }
      } finally {
        isEnded = true
      }
    })
    let added = 0
    const observer = {
      onFailed: ({ error }: { error: Error }) => void failed.push(error.message),
      onAdded: (count: number) => (added += count)
    }
    expect(await run([{ ...halves, onError: 'dead-letter' }], { _id: 'x' }, observer)).to.deep.equal([{ _id: '1' }])
    expect({ isEnded, added }).to.deep.equal({ isEnded: true, added: 1 })
    expect(failed).to.deep.equal([
      'stage halves failed on agents/x: it returned for 2 something that is no value at at (Map): make it a plain object'
    ])
  })

  it('fails for a list as a whole, so that a retry finds nothing of it there', async () => {
    const lists: Record<string, readonly unknown[]> = {
      undefined: [{ _id: '1', half: true }, undefined],
      'no value': [{ _id: '1' }, { _id: '2', at: new Map() }],
      'a hole': [{ _id: '1' }, ...Array<unknown>(1)]
    }
    for (const [name, list] of Object.entries(lists)) {
      for (const apply of [() => list as never, () => Promise.resolve(list as never)]) {
        const seen = { failed: 0, added: 0 }
        const observer = { onFailed: () => void seen.failed++, onAdded: (count: number) => (seen.added += count) }
        expect(await run([{ ...stage('halves', apply), onError: 'dead-letter' }], { _id: 'x' }, observer), name).to.deep.equal([])
        expect(seen, name).to.deep.equal({ failed: 1, added: 0 })
      }
    }
  })

  it('counts with skip what a generator fails with behind others as one more, left out', async () => {
    const broken: Stage['apply'][] = [
      function* () {
        yield { _id: '1' }
        throw new Error('no price')
      },
      function* () {
        yield { _id: '1' }
        yield undefined as never
      }
    ]
    for (const apply of broken) {
      const seen = { added: 0, filtered: [] as unknown[] }
      const observer = {
        onAdded: (count: number) => (seen.added += count),
        onFiltered: ({ name }: { name: string }, _: unknown, isFailed = false) => void seen.filtered.push([name, isFailed])
      }
      expect(await run([{ ...stage('price', apply), onError: 'skip' }], { _id: 'x' }, observer)).to.deep.equal([{ _id: '1' }])
      expect(seen).to.deep.equal({ added: 1, filtered: [['price', true]] })
    }
  })

  it('fails for what can not be looked at, whatever stands behind it', async () => {
    const revoked = (target: object): never => {
      const { proxy, revoke } = Proxy.revocable(target, {})
      revoke()
      return proxy as never
    }
    const odd: Record<string, () => never> = {
      'a document': () => revoked({}),
      'a field': () => ({ _id: '1', by: revoked({}) }) as never,
      'one of a list': () => [{ _id: '1' }, revoked({})] as never,
      'an id': () =>
        ({
          get _id() {
            throw new Error('no id')
          }
        }) as never,
      'an iterator': () =>
        ({
          [Symbol.iterator]: () => {
            throw new Error('no iterator')
          }
        }) as never
    }
    for (const [name, apply] of Object.entries(odd)) {
      const error = await run([stage('odd', apply)], { _id: 'a1' }).catch((reason: Error) => reason)
      expect(error, name).to.include({ code: 'DOCFERRY_STAGE' })
      expect((error as Error).message, name).to.match(/^stage odd failed on agents\/a1: /)
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
