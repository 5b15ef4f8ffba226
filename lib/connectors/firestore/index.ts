/** Google Firestore: the service, and its emulator. */
import type { Connector } from '../../types.ts'
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
  openSource: async (options, context) => new FirestoreSource(await connect(options, context), context.logger),
  openTarget: async (options, context) =>
    new FirestoreTarget(await connect(options, context), context.logger, { rules: context.rules, ramp: options.ramp }),
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
