/** The bytes of attachments: read as a stream, counted and digested, never held. */
import { createHash } from 'node:crypto'
import { DocferryError } from '../errors.ts'
import type { AttachmentDetails, OpenAttachment } from '../values/index.ts'

/** A digest that says what the bytes are, and not how somebody has stored them. */
const ownDigest = /^sha256-[0-9a-f]{64}$/

export function isOwnDigest(digest: string): boolean {
  return ownDigest.test(digest)
}

/** Read to the end. */
export async function measureBytes(bytes: AsyncIterable<Uint8Array>): Promise<Pick<AttachmentDetails, 'length' | 'digest'>> {
  const hash = createHash('sha256')
  let length = 0
  for await (const chunk of bytes) {
    hash.update(chunk)
    length += chunk.length
  }
  return { length, digest: `sha256-${hash.digest('hex')}` }
}

/**
 * An opener whose bytes are as many as were said, with the digest that was said, where it is one that tells. The last of them come only when
 * all have been checked, so that whoever counts them never has a whole that is wrong.
 *
 * @param what for errors: `the attachment "a.png"`
 */
export function checkedOpener(
  open: OpenAttachment,
  { length, digest }: Pick<AttachmentDetails, 'length' | 'digest'>,
  what: string
): OpenAttachment {
  return async function* (options) {
    const hash = isOwnDigest(digest) ? createHash('sha256') : undefined
    let count = 0
    let last: Uint8Array | undefined
    for await (const chunk of open(options)) {
      if (chunk.length === 0) continue
      count += chunk.length
      if (count > length) break
      hash?.update(chunk)
      if (last) yield last
      last = chunk
    }
    if (count !== length) throw changed(`${what} has ${count > length ? 'more' : count} bytes, and should have ${length}`)
    if (hash && `sha256-${hash.digest('hex')}` !== digest) throw changed(`${what} has other bytes than its digest says`)
    if (last) yield last
  }
}

function changed(message: string): DocferryError {
  return new DocferryError('DOCFERRY_ATTACHMENT', `${message}: it was changed, or cut`)
}
