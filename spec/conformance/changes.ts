/** How every connector that changes documents one by one does it: by compare-and-set. Run over each of them by `connectors.spec.ts`. */
import { expect } from 'chai'
import fc from 'fast-check'
import { writeBatch } from '../../lib/engine/write-batch.ts'
import { openTarget } from '../../lib/open.ts'
import { defaultRules } from '../../lib/types.ts'
import type { Change, ChangeOutcome, Document, Encoded, EncodeRules, Held, Target } from '../../lib/types.ts'
import { Double, setField, Timestamp } from '../../lib/values/index.ts'
import type { Value } from '../../lib/values/index.ts'
import { uniqueName } from '../support/servers.ts'
import { awkwardDocument } from '../values/awkward.ts'
import type { Subject } from './subjects.ts'
import { everyKindOfValue, expectSame, loseFirstAnswer, someDocuments } from './suite.ts'

export interface ChangeTraits {
  /** Whether an empty collection stays until it is removed. */
  readonly keepsEmpty: boolean
}

/** A target that changes documents. */
type Changing = Target & Required<Pick<Target, 'look' | 'change'>>

const escaping: EncodeRules = { types: 'natural', escapeNames: true }

export function describeChanges(name: string, makeSubject: () => Promise<Subject>, { keepsEmpty }: ChangeTraits): void {
  describe(`conformance: ${name}: changes`, function () {
    this.timeout(60_000)
    let subject: Subject
    let collection: string
    let target: Changing
    const made: string[] = []

    before(async () => {
      subject = await makeSubject()
    })
    beforeEach(async () => {
      collection = uniqueName('change')
      made.push(collection)
      target = await open()
    })
    afterEach(() => target.close())
    after(() => subject.remove(made))

    async function open(rules = defaultRules): Promise<Changing> {
      const opened = await openTarget(await subject.endpoint(), { rules })
      const { look, change } = opened
      if (!look || !change) throw new Error(`${name} can't change documents`)
      await opened.prepare(collection, { create: true })
      return opened as Changing
    }

    const encode = (document: Document): Encoded => {
      const encoded = target.encode(collection, document)
      if ('code' in encoded) throw new Error(`refused: ${encoded.message}`)
      return encoded
    }
    const write = async (documents: readonly Document[]): Promise<void> => {
      const { batchCount } = target.limits
      for (let from = 0; from < documents.length; from += batchCount) {
        const batch = documents.slice(from, from + batchCount).map(encode)
        expect(await target.write(collection, batch, { onConflict: 'overwrite', fresh: false })).to.deep.equal(batch.map(() => 'written'))
      }
    }
    const look = async (...ids: string[]): Promise<Held[]> => {
      const held = await target.look(collection, ids, {})
      return ids.flatMap(id => held.find(({ document }) => document._id === id) ?? [])
    }
    const change = (changes: readonly Change[]): Promise<readonly ChangeOutcome[]> => target.change(collection, changes, {})
    const removal = (seen: Held): Change => ({ seen })
    const replacement = (seen: Held, fields: object): Change => ({ seen, put: encode({ ...fields, _id: seen.document._id }) })
    const held = async (ids: readonly string[]): Promise<readonly Document[]> => (await target.get(collection, ids, {})) ?? []

    describe('looking', () => {
      it('gives those documents that there are', async () => {
        const documents = [everyKindOfValue(), { _id: 'b', n: 2 }]
        await write(documents)
        expectSame(
          (await look('b', 'no', 'kinds')).map(({ document }) => document),
          documents
        )
      })

      it('gives a whole batch', async () => {
        const documents = someDocuments(target.limits.batchCount)
        await write(documents)
        expectSame(
          (await look(...documents.map(({ _id }) => _id))).map(({ document }) => document),
          documents
        )
      })

      it('finds nothing in a collection that is not there', async () => {
        expect(await target.look(uniqueName('none'), ['a'], {})).to.deep.equal([])
      })
    })

    describe('changing', () => {
      it('removes and replaces what nobody has changed', async () => {
        await write(someDocuments(4))
        const [first, second, third] = (await look('id-00000', 'id-00001', 'id-00002')) as [Held, Held, Held]
        expect(await change([removal(first), replacement(second, { n: 'new' }), removal(third)])).to.deep.equal(['done', 'done', 'done'])
        expectSame(await held(someDocuments(4).map(({ _id }) => _id)), [{ _id: 'id-00001', n: 'new' }, someDocuments(4)[3] as Document])
      })

      it('leaves what was changed or removed meanwhile, and does the others of the batch', async () => {
        await write(['a', 'b', 'c', 'd', 'e', 'f'].map(_id => ({ _id, n: 'old' })))
        const seen = await look('a', 'b', 'c', 'd', 'e', 'f')
        await write(['b', 'e'].map(_id => ({ _id, n: 'of somebody else' })))
        expect(await change([removal((await look('c'))[0] as Held)])).to.deep.equal(['done'])
        const outcomes = await change(seen.map((each, index) => (index < 4 ? removal(each) : replacement(each, { n: 'new' }))))
        expect(outcomes).to.deep.equal(['done', 'changed', 'changed', 'done', 'changed', 'done'])
        expectSame(await held(['a', 'b', 'c', 'd', 'e', 'f']), [
          { _id: 'b', n: 'of somebody else' },
          { _id: 'e', n: 'of somebody else' },
          { _id: 'f', n: 'new' }
        ])
      })

      it('does not put back what was removed meanwhile', async () => {
        await write([{ _id: 'a', n: 'old' }])
        const [seen] = (await look('a')) as [Held]
        await change([removal(seen)])
        expect(await change([replacement(seen, { n: 'new' })])).to.deep.equal(['changed'])
        expect(await held(['a'])).to.deep.equal([])
      })

      it('tells as changed what an earlier call did whose answer was lost', async () => {
        await write([
          { _id: 'a', n: 'old' },
          { _id: 'b', n: 'old' }
        ])
        const [a, b] = (await look('a', 'b')) as [Held, Held]
        const changes = [removal(a), replacement(b, { n: 'new' })]
        await change(changes)
        expect(await change(changes)).to.deep.equal(['changed', 'changed'])
        expectSame(await held(['a', 'b']), [{ _id: 'b', n: 'new' }])
      })

      it('compares every kind of value', async () => {
        const document = everyKindOfValue()
        await write([document])
        const [seen] = (await look('kinds')) as [Held]
        expect(await change([replacement(seen, { ...document, more: 1 })])).to.deep.equal(['done'])
        const [again] = (await look('kinds')) as [Held]
        expect(again.document.more).to.equal(1)
        expect(await change([removal(again)])).to.deep.equal(['done'])
        expect(await held(['kinds'])).to.deep.equal([])
      })

      it('notices a change deep inside a document', async () => {
        const nested = (deep: Value): Document => ({ _id: 'a', list: [1, { map: { deep } }], same: 'x' })
        await write([nested('before')])
        const [seen] = (await look('a')) as [Held]
        await write([nested('after')])
        expect(await change([removal(seen)])).to.deep.equal(['changed'])
        expectSame(await held(['a']), [nested('after')])
      })

      it('changes documents of nothing but an id, and of many fields', async () => {
        const fields = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`field ${i}`, i]))
        await write([{ _id: 'bare' }, { _id: 'broad', ...fields }])
        const [bare, broad] = (await look('bare', 'broad')) as [Held, Held]
        expect(await change([removal(bare), replacement(broad, { n: 1 })])).to.deep.equal(['done', 'done'])
        expectSame(await held(['bare', 'broad']), [{ _id: 'broad', n: 1 }])
      })

      it('changes a whole batch of large documents', async () => {
        const large = (n: number): Document[] =>
          Array.from({ length: 40 }, (_, i) => ({ _id: `large-${i}`, n, text: String(n).repeat(300_000) }))
        for (const document of large(1)) await write([document])
        const ids = large(1).map(({ _id }) => _id)
        const seen = await look(...ids)
        expect(await change(seen.map((each, index) => replacement(each, large(2)[index] as Document)))).to.deep.equal(ids.map(() => 'done'))
        expectSame(await held(ids), large(2))
        expect(await change((await look(...ids)).map(removal))).to.deep.equal(ids.map(() => 'done'))
        expect(await held(ids)).to.deep.equal([])
      })

      it('escapes ids and names as writing does', async () => {
        await target.close()
        target = await open(escaping)
        const ids = ['', 'a/b', '_x', '__name__', '.', 'x'.repeat(3_000), '\ud800', '$%', '$%a%2Fb', 'a b']
        const documents = ids.map(_id => {
          const document: Document = { _id, n: 'old' }
          for (const field of ['', '_x', '__x__', 'n'.repeat(2_000), '\udfff']) setField(document, field, 1)
          return document
        })
        await write(documents)
        const seen = await look(...ids)
        expectSame(
          seen.map(({ document }) => document),
          documents
        )
        const changes = seen.map((each, index) => (index % 2 === 0 ? removal(each) : replacement(each, { ...each.document, n: 'new' })))
        expect(await change(changes)).to.deep.equal(ids.map(() => 'done'))
        expectSame(
          await held(ids),
          documents.filter((_, index) => index % 2 !== 0).map(document => ({ ...document, n: 'new' }))
        )
      })

      it('lets a document be written again that was removed', async () => {
        await write([{ _id: 'a', n: 'old' }])
        await change((await look('a')).map(removal))
        expect(await target.write(collection, [encode({ _id: 'a', n: 'new' })], { onConflict: 'fail', fresh: false })).to.deep.equal([
          'written'
        ])
        expectSame(await held(['a']), [{ _id: 'a', n: 'new' }])
      })

      it('does nothing for nothing', async () => {
        expect(await look()).to.deep.equal([])
        expect(await change([])).to.deep.equal([])
      })

      it('refuses to change anything when the signal has aborted', async () => {
        await write([{ _id: 'a', n: 'old' }])
        const changes = (await look('a')).map(removal)
        const abort = new AbortController()
        const reason = new Error('enough')
        abort.abort(reason)
        const thrown = await target.change(collection, changes, { signal: abort.signal }).catch((error: unknown) => error)
        expect(thrown).to.equal(reason)
        expectSame(await held(['a']), [{ _id: 'a', n: 'old' }])
      })
    })

    if (keepsEmpty) {
      describe('removing a collection', () => {
        const drop = (): Promise<boolean> => (target as Required<Target>).dropCollection(collection, {})

        it('removes one that holds nothing', async () => {
          expect(await drop()).to.equal(true)
          expect(await target.prepare(collection, { create: false })).to.include({ created: true, empty: true })
        })

        it('leaves one that holds something', async () => {
          await write([{ _id: 'a' }])
          expect(await drop()).to.equal(false)
          expectSame(await held(['a']), [{ _id: 'a' }])
        })

        it('removes one from which everything was removed, and makes it anew when told to', async () => {
          await write(someDocuments(3))
          const ids = someDocuments(3).map(({ _id }) => _id)
          await change((await look(...ids)).map(removal))
          expect(await drop()).to.equal(true)
          expect((await target.prepare(collection, { create: true })).created).to.equal(true)
          await write(someDocuments(3))
          expectSame(await held(ids), someDocuments(3))
        })

        it('says that one was not there', async () => {
          await drop()
          expect(await drop()).to.equal(false)
        })
      })
    } else {
      it('leaves nothing of a collection from which everything was removed', async () => {
        expect(target.dropCollection).to.equal(undefined)
        await write([{ _id: 'a' }])
        await change((await look('a')).map(removal))
        expect(await target.prepare(collection, { create: false })).to.include({ created: true, empty: true })
      })
    }

    describe('telling what will be read', () => {
      const documents = (): Document[] => [
        everyKindOfValue(),
        {
          _id: 'numbers',
          whole: new Double(7),
          minusZero: -0,
          round: 1e20,
          large: 1e300,
          list: [new Double(1), [2, [new Timestamp(5, 6)]]]
        },
        { _id: 'like', date: { $date: '2026-01-01T00:00:00Z' }, long: { $numberLong: '5' }, literal: { $literal: { $date: 'x' } } }
      ]
      for (const types of ['natural', 'exact', 'plain'] as const) {
        it(`does so of every kind of value, written ${types}`, async () => {
          await target.close()
          target = await open({ types, escapeNames: false })
          await write(documents())
          const expected = documents().map(document => target.readBack?.(collection, document) ?? document)
          expectSame(await held(documents().map(({ _id }) => _id)), expected)
        })
      }

      for (const types of ['natural', 'exact', 'plain'] as const) {
        it(`does so of awkward values and names, written ${types}`, async () => {
          await target.close()
          target = await open({ types, escapeNames: true })
          const samples = fc.sample(awkwardDocument, { numRuns: 200, seed: 42 })
          const taken = [...new Map(samples.map(document => [document._id, document])).values()]
            .filter(document => !('code' in target.encode(collection, document)))
            .slice(0, 100)
          expect(taken.length).to.be.greaterThan(50)
          await write(taken)
          const expected = taken.map(document => target.readBack?.(collection, document) ?? document)
          expectSame(await held(taken.map(({ _id }) => _id)), expected)
        })
      }

      it('does not change the document', async () => {
        await target.close()
        target = await open({ types: 'plain', escapeNames: true })
        const document = everyKindOfValue()
        target.readBack?.(collection, document)
        expectSame([document], [everyKindOfValue()])
      })

      it('counts as written what a call wrote whose answer was lost, where dates are written as text', async () => {
        await target.close()
        target = await open({ types: 'plain', escapeNames: false })
        const documents = [{ _id: 'a', at: new Timestamp(1_767_225_600, 5_000) }, everyKindOfValue()]
        const batch = documents.map(document => ({ document, encoded: encode(document) }))
        const options = { onConflict: 'skip', fresh: false, baseMs: 1 } as const
        expect(await writeBatch(loseFirstAnswer(target), collection, batch, options)).to.deep.equal(['written', 'written'])
      })

      it('does so of escaped names', async () => {
        await target.close()
        target = await open({ types: 'plain', escapeNames: true })
        const document: Document = { _id: 'a/b', __x__: new Timestamp(1, 0), _x: 1, $: { '$%': 2 } }
        await write([document])
        expectSame(await held(['a/b']), [target.readBack?.(collection, document) ?? document])
      })
    })
  })
}
