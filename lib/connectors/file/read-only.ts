/** A file that is there, as a target that is only asked what it would hold. */
import { DocferryError } from '../../errors.ts'
import type { DocumentLine } from '../../formats/export-writer.ts'
import type { EncodeRules, Target } from '../../types.ts'
import { encodeLine, readLine } from './encode.ts'
import { checkName, fileLimits } from './limits.ts'
import type { FileOptions } from './options.ts'
import { placeOf } from './place.ts'

export async function readOnlyTarget({ path }: FileOptions, rules: EncodeRules): Promise<Target<DocumentLine>> {
  return {
    location: { provider: 'file', address: path, identity: `file:${await placeOf(path)}` },
    limits: fileLimits,
    checkCollection: checkName,
    prepare: () => Promise.resolve({ created: false, empty: false }),
    encode: (_, document, onConversion) => encodeLine(document, rules, onConversion),
    readBack: (_, document, options) => readLine(document, rules, options),
    keepsKinds: true,
    write: () => Promise.reject(new DocferryError('DOCFERRY_BUG', `${path} was opened to be looked at only`)),
    get: () => Promise.resolve(null),
    async commit() {},
    async close() {}
  }
}
