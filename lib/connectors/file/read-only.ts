/** A file that is there, as a target that is only asked what it would hold. */
import { DocferryError } from '../../errors.ts'
import type { DocumentLine } from '../../formats/document-lines.ts'
import type { EncodeRules, Target } from '../../types.ts'
import { lineCodec } from './encode.ts'
import { checkName, fileLimits } from './limits.ts'
import type { FileOptions } from './options.ts'
import { placeOf } from './place.ts'

export async function readOnlyTarget(options: FileOptions, rules: EncodeRules): Promise<Target<DocumentLine>> {
  const { path } = options
  return {
    location: { provider: 'file', address: path, identity: `file:${await placeOf(path)}` },
    limits: fileLimits,
    checkCollection: checkName,
    prepare: () => Promise.resolve({ created: false, empty: false }),
    ...lineCodec(options, rules),
    write: () => Promise.reject(new DocferryError('DOCFERRY_BUG', `${path} was opened to be looked at only`)),
    get: () => Promise.resolve(null),
    async commit() {},
    async close() {}
  }
}
