import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import fc from 'fast-check'
import { DocumentSlice } from '../../lib/engine/document-slice.ts'
import { PartitionStream, StageTransform } from '../../lib/engine/item-streams.ts'
import type { Item, StageTransformOptions } from '../../lib/engine/item-streams.ts'
import { Mark, Reject, Section } from '../../lib/types.ts'
import type { Document, Page, RejectDetails, Source, Stage } from '../../lib/types.ts'

/** What a stage does with a document is what its `way` says. */
const ways = ['keep', 'keep', 'keep', 'keep', 'drop', 'later', 'many', 'stream', 'letter'] as const
type Way = (typeof ways)[number]

const copies = (document: Document): Document[] => [document, { ...document, _id: `${document._id}'` }]

const stage: Stage = {
  name: 'by-way',
  onError: 'dead-letter',
  apply(document) {
    switch (document['way'] as Way) {
      case 'drop':
        return null
      case 'later':
        return Promise.resolve(document)
      case 'many':
        return copies(document)
      case 'stream':
        return Readable.from(copies(document))
      case 'letter':
        throw new Error('not this one')
      default:
        return document
    }
  }
}

function sourceOf(pages: readonly Page[]): Source {
  return {
    read: async function* () {
      await Promise.resolve()
      yield* pages
    }
  } as unknown as Source
}

function pageOf(documents: readonly Document[], rejects: readonly RejectDetails[] = []): Page {
  return { collection: 'a', documents, rejects, cursor: 'c', bytes: 1 }
}

/** Items in words, documents out of their slices. */
function told(items: readonly Item[]): string[] {
  return items.flatMap(item => {
    if (item instanceof DocumentSlice) return item.documents.map(({ _id }) => _id)
    if (item instanceof Section) return [`section ${item.collection}`]
    if (item instanceof Mark) return [`mark ${item.documents}`]
    if (item instanceof Reject) return [`reject ${item.details.where}`]
    return [(item as Document)._id]
  })
}

async function through(pages: readonly Page[], options: StageTransformOptions, stages: readonly Stage[] = [stage]): Promise<Item[]> {
  const items: Item[] = []
  const partition = { id: 'p', collections: ['a'] }
  await pipeline(
    new PartitionStream(sourceOf(pages), partition),
    new StageTransform(stages, { partition: 'p', ...options }),
    async (stream: AsyncIterable<Item>) => {
      for await (const item of stream) items.push(item)
    }
  )
  return items
}

const documentsOf = (some: readonly Way[]): Document[] => some.map((way, index) => ({ _id: `d${index}`, way }))

function expectedOf({ _id, way }: Document): string[] {
  if (way === 'drop') return []
  if (way === 'letter') return [`reject ${_id}`]
  return way === 'many' || way === 'stream' ? [_id, `${_id}'`] : [_id]
}

describe('engine: item streams', () => {
  it('pass documents, rejects and marks on in their order, whatever stages answer with', async () => {
    const anyPage = fc.record({
      some: fc.oneof(
        fc.array(fc.constantFrom(...ways), { maxLength: 40 }),
        fc.array(fc.constantFrom<Way>('keep', 'keep', 'drop'), { maxLength: 200 })
      ),
      rejects: fc.array(fc.option(fc.nat(200), { nil: undefined }), { maxLength: 3 })
    })
    await fc.assert(
      fc.asyncProperty(fc.array(anyPage, { maxLength: 3 }), async pages => {
        let read = 0
        const expected: string[] = pages.length > 0 ? ['section a'] : []
        const all = pages.map(({ some, rejects }) => {
          const documents = documentsOf(some)
          const details = rejects.map((documentsBefore, index): RejectDetails => {
            return {
              code: 'DOCFERRY_BAD_DOCUMENT',
              message: 'bad',
              where: `r${index}`,
              ...(documentsBefore !== undefined && { documentsBefore })
            }
          })
          const place = ({ documentsBefore = Infinity }: RejectDetails): number => Math.min(documentsBefore, documents.length)
          for (let at = 0; at <= documents.length; at++) {
            const here = details.filter(each => place(each) === at)
            const sorted = here.toSorted((a, b) => (a.documentsBefore ?? Infinity) - (b.documentsBefore ?? Infinity) || 0)
            expected.push(...sorted.map(({ where }) => `reject ${where}`))
            if (at < documents.length) expected.push(...expectedOf(documents[at]!))
          }
          expected.push(`mark ${documents.length + details.length}`)
          return pageOf(documents, details)
        })
        const items = await through(all, { observer: { onRead: (_, count = 1) => void (read += count) } })
        expect(told(items)).to.deep.equal(expected)
        expect(read).to.equal(all.reduce((sum, { documents, rejects }) => sum + documents.length + rejects!.length, 0))
      }),
      { numRuns: 100 }
    )
  })

  for (const way of ['keep', 'later'] as const)
    it(`hand on what came before a failure, and nothing behind it (${way === 'keep' ? 'at once' : 'later'})`, async () => {
      let read = 0
      const failed: (string | undefined)[] = []
      const failing: Stage = { ...stage, onError: 'fail' }
      const documents = documentsOf([
        ...Array.from({ length: 100 }, (): Way => way),
        'letter',
        ...Array.from({ length: 100 }, (): Way => way)
      ])
      const items = await through(
        [pageOf(documents), pageOf(documents)],
        {
          observer: { onRead: (_, count = 1) => void (read += count) },
          onFailure: (_, document) => Promise.resolve(void failed.push(document?._id))
        },
        [failing]
      )
      expect(told(items)).to.deep.equal(['section a', ...documents.slice(0, 100).map(({ _id }) => _id)])
      expect(failed).to.deep.equal(['d100'])
      expect(read).to.equal(101)
    })

  it('hands documents on in slices where nothing has to be waited for', async () => {
    const items = await through([pageOf(documentsOf(Array.from({ length: 200 }, () => 'keep')))], {})
    expect(items.length).to.be.below(10)
  })

  it('read a partition of which nobody knows what it holds', async () => {
    const partition = { id: 'p', collections: [], range: { all: true } }
    const stream = new PartitionStream(sourceOf([pageOf([{ _id: '1' }])]), partition, { isSated: () => true })
    expect(told((await stream.toArray()) as Item[])).to.deep.equal(['section a', '1', 'mark 1'])
  })
})
