/** Google Firestore: the service, and its emulator. */
import { defaultRules, type Connector } from '../../types.ts'
import { openBackups } from './backups/index.ts'
import { connect } from './client.ts'
import { facts } from './facts.ts'
import { inspect } from './inspect.ts'
import { configureFirestore, type FirestoreOptions } from './options.ts'
import { FirestoreSource } from './reader.ts'
import { FirestoreTarget } from './writer.ts'

export type { FirestoreOptions } from './options.ts'

export const firestoreConnector: Connector<FirestoreOptions> = {
  name: 'firestore',
  configure: configureFirestore,
  openSource: async (options, context) => {
    const { subcollections = context.subcollections } = options
    return new FirestoreSource(await connect(options, context), context.logger, { subcollections })
  },
  openTarget: async (options, context) => {
    const { rules: asked = defaultRules, logger } = context
    const rules = { ...asked, subcollections: options.subcollections ?? asked.subcollections }
    return new FirestoreTarget(await connect(options, context), logger, { rules, ramp: options.ramp })
  },
  openBackups,
  facts,
  async inspect(options, context, asked) {
    const connection = await connect(options, context)
    try {
      return await inspect(connection, { signal: context.signal, ...asked })
    } finally {
      await connection.close()
    }
  }
}
