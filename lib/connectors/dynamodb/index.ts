/**
 * DynamoDB: a collection is a table, a document an item. See `keys.ts` for tables with keys of their own, `values.ts` for the values, and
 * `limits.ts` for the service's rules.
 */
import type { Connector } from '../../types.ts'
import { connect } from './client.ts'
import { facts } from './facts.ts'
import { inspect } from './inspect.ts'
import { configure } from './options.ts'
import type { DynamodbOptions } from './options.ts'
import { createSource } from './reader.ts'
import { createTarget } from './writer.ts'

export type { DynamodbOptions } from './options.ts'

export const dynamodbConnector: Connector<DynamodbOptions> = {
  name: 'dynamodb',
  configure,
  async openSource(options, context) {
    return createSource(await connect(options, context), options)
  },
  async openTarget(options, context) {
    return createTarget(await connect(options, context), context.rules)
  },
  async openBackups(options, context) {
    const { createBackupService } = await import('./backups/index.ts')
    return createBackupService(await connect(options, context))
  },
  facts,
  async inspect(options, context, asked) {
    const connection = await connect(options, context)
    try {
      return await inspect(connection, { signal: context.signal, ...asked })
    } finally {
      connection.close()
    }
  }
}
