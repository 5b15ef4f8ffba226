/** A service of backups on our own protocol server, new for each spec. */
import { dynamodbConnector } from '../../../../lib/connectors/dynamodb/index.ts'
import { DocferryError } from '../../../../lib/errors.ts'
import type { Backup, BackupService } from '../../../../lib/contracts/backup.ts'
import { waitForBackups } from '../../../../lib/backup/wait.ts'
import { region, tableArn } from '../../../support/dynamodb-control/state.ts'
import type { Json } from '../../../support/dynamodb-control/state.ts'
import { startControlServer } from '../../../support/dynamodb-control/server.ts'
import type { ControlServer } from '../../../support/dynamodb-control/server.ts'
import { silent } from '../support.ts'

export { tableArn }

export const credentials = { accessKeyId: 'AKIASPEC', secretAccessKey: 'secret-of-the-spec-0123456789' }

export interface Bench {
  readonly server: ControlServer
  readonly service: BackupService
  /** Of the last call of this operation. */
  request(operation: string): Json
  count(operation: string): number
  wait(begun: readonly Backup[]): Promise<readonly Backup[]>
}

/** Inside a `describe`: its hooks make and clear the bench. */
export function backupBench(tables: readonly string[] = ['agents', 'users']): Bench {
  let server: ControlServer
  let service: BackupService
  beforeEach(async () => {
    server = await startControlServer(tables)
    service = await dynamodbConnector.openBackups!({ endpoint: server.endpoint, region, credentials }, { logger: silent })
  })
  afterEach(async () => {
    await service.close()
    await server.close()
  })
  return {
    get server() {
      return server
    },
    get service() {
      return service
    },
    request(operation) {
      const call = server.calls.findLast(each => each.operation === operation)
      if (!call) throw new Error(`${operation} was not called`)
      return call.request
    },
    count: operation => server.calls.filter(call => call.operation === operation).length,
    wait: begun => waitForBackups(service, begun, { pollMs: 1 })
  }
}

/** @returns the error that it fails with */
export async function failed(work: Promise<unknown>): Promise<DocferryError> {
  try {
    await work
  } catch (error) {
    if (error instanceof DocferryError) return error
    throw error
  }
  throw new Error('it did not fail')
}
