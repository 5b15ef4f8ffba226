import { expect } from 'chai'
import fc from 'fast-check'
import { createHash, randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { namelessAttachment } from '../../../lib/connectors/couchdb/multipart-answer.ts'
import type { DocferryError } from '../../../lib/errors.ts'

interface Attached {
  readonly name: string
  readonly content: Buffer
  readonly isGzip?: boolean
}

const boundary = 'e9bc4432286c884ad235f9967a7b58d2'
const stored = ({ content, isGzip = false }: Attached): Buffer => (isGzip ? gzipSync(content) : content)
const digestOf = (attached: Attached): string => `md5-${createHash('md5').update(stored(attached)).digest('base64')}`

/** As CouchDB 3.5 gives it. */
function answerOf(attached: readonly Attached[]): Buffer {
  const parts = attached.flatMap(each => [
    `\r\n--${boundary}\r\nContent-Disposition: attachment; filename="${each.name}"\r\nContent-Type: text/plain\r\nContent-Length: ${stored(each).length}`,
    `${each.isGzip ? '\r\nContent-Encoding: gzip' : ''}\r\n\r\n`,
    stored(each)
  ])
  const all = [`--${boundary}\r\nContent-Type: application/json\r\n\r\n{"_id":"a","s":"filename=\\"\\""}`, ...parts, `\r\n--${boundary}--`]
  return Buffer.concat(all.map(piece => Buffer.from(piece as string)))
}

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function fetched(answer: AsyncIterable<Uint8Array>, digest: string): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of namelessAttachment(answer, digest, 'the attachment ""')) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

const failure = async (work: Promise<unknown>): Promise<DocferryError> =>
  (await work.then(
    () => undefined,
    (error: unknown) => error
  )) as DocferryError

describe('couchdb: an attachment without a name', () => {
  it('is found among others, whatever they hold and wherever the answer is cut into pieces', async () => {
    const awkward = fc.constantFrom('\r\n', '--', '\r\n--', `\r\n--${boundary.slice(0, -1)}`, 'filename=""', '\r\n\r\n', 'x')
    const content = fc.array(awkward, { maxLength: 6 }).map(pieces => Buffer.from(pieces.join('')))
    const other = fc.record({ name: fc.constantFrom('a', 'filename=', ' ', '""'), content, isGzip: fc.boolean() })
    const own = fc.record({ name: fc.constant(''), content, isGzip: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(
        fc.array(other, { maxLength: 3 }),
        own,
        fc.array(other, { maxLength: 3 }),
        fc.integer({ min: 1, max: 90 }),
        async (before, meant, behind, size) => {
          const answer = inPieces(answerOf([...before, meant, ...behind]), size)
          expect((await fetched(answer, digestOf(meant))).equals(meant.content)).to.equal(true)
        }
      ),
      { numRuns: 200 }
    )
  })

  it('is read no further than its end, and holds little of what is large', async () => {
    const piece = randomBytes(64 << 10)
    const meant = { name: '', content: Buffer.from('hello') }
    const whole = answerOf([{ name: 'a', content: Buffer.from('MARK') }, meant, { name: 'b', content: piece }])
    const at = whole.indexOf('MARK')
    let [given, isClosed] = [0, false]
    async function* large(): AsyncGenerator<Buffer> {
      try {
        yield whole.subarray(0, at)
        for (; given < 2_000; given++) yield piece
        yield* inPieces(whole.subarray(at), 1_000)
        throw new Error('asked for more than it needs')
      } finally {
        isClosed = true
      }
    }
    const before = process.memoryUsage().arrayBuffers
    expect((await fetched(large(), digestOf(meant))).toString()).to.equal('hello')
    expect({ given, isClosed }).to.deep.equal({ given: 2_000, isClosed: true })
    expect(process.memoryUsage().arrayBuffers - before).to.be.lessThan(100 << 20)
  })

  for (const isGzip of [false, true]) {
    it(`is no whole one where its bytes are others${isGzip ? ', compressed' : ''}`, async () => {
      const meant = { name: '', content: Buffer.from('hello, world'), isGzip }
      const answer = answerOf([meant])
      answer[answer.lastIndexOf(stored(meant)) + stored(meant).length - 1]! ^= 1
      const { code, message } = await failure(fetched(inPieces(answer, 50), digestOf(meant)))
      expect(code).to.equal('DOCFERRY_ATTACHMENT')
      expect(message).to.include('the attachment "" has other bytes')
    })
  }

  it('is no whole one where the answer ends too early', async () => {
    const meant = { name: '', content: Buffer.from('hello') }
    const { code } = await failure(fetched(inPieces(answerOf([meant]).subarray(0, -10), 50), digestOf(meant)))
    expect(code).to.equal('DOCFERRY_READ')
  })

  for (const [what, answer] of [
    ['JSON', Buffer.from(`{"_id":"a","_attachments":{"":{"data":"${'a'.repeat(10_000)}"}}}`)],
    ['nothing', Buffer.alloc(0)],
    ['a document without it', answerOf([{ name: 'a', content: Buffer.from('filename=""') }])]
  ] as const) {
    it(`is said to be none that can be fetched where the server gives ${what}`, async () => {
      const { code, message } = await failure(fetched(inPieces(answer, 1_000), 'md5-x'))
      expect(code).to.equal('DOCFERRY_READ')
      expect(message).to.include("can't be fetched by itself").and.to.include('docferry replicate keeps it')
    })
  }
})
