/** A file that is there, as a target that is only asked what it would hold. */
import { stat } from 'node:fs/promises'
import { realPath } from '../../engine/real-path.ts'
import { DocferryError } from '../../errors.ts'
import type { DocumentLine } from '../../formats/document-lines.ts'
import type { EncodeRules, Target } from '../../types.ts'
import { lookAtBeginning } from './beginning.ts'
import { lineCodec } from './encode.ts'
import { checkName, fileLimits } from './limits.ts'
import { keyOption } from './options.ts'
import type { FileOptions } from './options.ts'
import { findExports } from './s3-export.ts'

export async function readOnlyTarget(options: FileOptions, rules: EncodeRules): Promise<Target<DocumentLine>> {
  const { path } = options
  return {
    location: { provider: 'file', address: path, identity: `file:${realPath(path)}` },
    limits: fileLimits,
    checkCollection: checkName,
    prepare: () => Promise.resolve({ created: false, empty: false }),
    ...lineCodec({ ...options, format: options.format ?? (await formatOfItems(options)) }, rules),
    write: () => Promise.reject(new DocferryError('DOCFERRY_BUG', `${path} was opened to be looked at only`)),
    get: () => Promise.resolve(null),
    async commit() {},
    async close() {}
  }
}

/** Items of DynamoDB keep other things apart than JSON does. */
async function formatOfItems(options: FileOptions): Promise<'dynamodb-json' | undefined> {
  const { path, incremental = false } = options
  try {
    const stats = await stat(path)
    if (stats.isDirectory()) return (await findExports(path, { incremental })) && 'dynamodb-json'
    // What comes by a pipe comes once, and to open one may wait for ever for who writes into it.
    if (!stats.isFile()) return undefined
    const { head } = await lookAtBeginning(path, { name: path, key: keyOption(options) })
    return head.format === 'dynamodb-json' ? 'dynamodb-json' : undefined
  } catch {
    // Whoever reads it says what is wrong.
    return undefined
  }
}
