/** Files: NDJSON, JSON, a folder of NDJSON, each perhaps compressed, and standard input and output. */
import type { Connector } from '../../types.ts'
import { facts } from './facts.ts'
import { inspect } from './inspect.ts'
import { configureFile, outputLayout } from './options.ts'
import type { FileOptions } from './options.ts'
import { openFileSource } from './reader.ts'
import { openFileTarget } from './writer.ts'

export type { FileFormat, FileOptions } from './options.ts'

export const fileConnector: Connector<FileOptions> = {
  name: 'file',
  configure: configureFile,
  checkEnd(options, end) {
    if (end === 'target') outputLayout(options)
  },
  openSource: openFileSource,
  openTarget: openFileTarget,
  facts,
  inspect: (options, _context, asked) => inspect(options, asked)
}
