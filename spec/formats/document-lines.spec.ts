import { expect } from 'chai'
import fc from 'fast-check'
import { digestDocumentLines, documentLine, lineDigests } from '../../lib/formats/document-lines.ts'
import type { DocumentLine } from '../../lib/formats/document-lines.ts'
import { joinLines, lineText, listLines } from '../../lib/formats/line-bytes.ts'
import { documentDigests, parseJson, stringifyJson } from '../../lib/values/index.ts'
import type { Document } from '../../lib/values/index.ts'
import { anyDocument } from './bytes.ts'

const lineOf = (document: Document): DocumentLine => documentLine(document)

/** As the file will give the document back. */
const expected = (document: Document) => documentDigests(parseJson(stringifyJson(document)) as Document)

describe('formats: document lines', () => {
  it('have the digests of their documents, whichever way they are made', () => {
    fc.assert(
      fc.property(fc.array(anyDocument, { maxLength: 20 }), documents => {
        const together = documents.map(lineOf)
        digestDocumentLines(together)
        expect(together.map(line => line.digests)).to.deep.equal(documents.map(expected))
        expect(documents.map(document => lineDigests(lineOf(document)))).to.deep.equal(documents.map(expected))
      }),
      { numRuns: 200 }
    )
  })

  it('are digested where some are longer than what the kernel takes, and some lie apart', () => {
    const documents = Array.from({ length: 400 }, (_, index) => ({
      _id: `d${index}`,
      text: 'ä'.repeat(index % 50 === 7 ? 1 << 20 : index % 50 === 8 ? 20_000 : 900)
    }))
    const lines = documents.map(lineOf).filter((_, index) => index % 3 !== 1)
    digestDocumentLines(lines)
    expect(lines.map(line => line.digests)).to.deep.equal(lines.map(({ document }) => documentDigests(document)))
  })

  it('leave digests as they are that somebody has made before', () => {
    const lines = [lineOf({ _id: 'a' }), lineOf({ _id: 'b' }), lineOf({ _id: 'c' })]
    const known = { values: new Uint8Array(32) }
    lines[0]!.digests = known
    lines[2]!.digests = known
    digestDocumentLines(lines)
    expect(lines.map(line => line.digests)).to.deep.equal([known, documentDigests({ _id: 'b' }), known])
  })

  it('are joined to the same bytes as their texts', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyDocument, fc.boolean()), { maxLength: 20 }), entries => {
        const lines = entries.map(([document]) => lineOf(document).line).filter((_, index) => entries[index]![1])
        const texts = entries.filter(([, isKept]) => isKept).map(([document]) => stringifyJson(document))
        expect(joinLines(lines).toString()).to.equal(texts.map(text => `${text}\n`).join(''))
        expect(listLines(lines, '[', ',').toString()).to.equal(texts.length === 0 ? '' : `[${texts.join(',')}`)
        expect(lines.map(lineText)).to.deep.equal(texts)
      }),
      { numRuns: 200 }
    )
  })
})
