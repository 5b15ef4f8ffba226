/** DynamoDB's own backups: on demand, continuous, and exports to and imports from S3. Ids are ARNs, whose form tells what they are of. */
import type { Backup, BackupService } from '../../../contracts/backup.ts'
import { DocferryError } from '../../../errors.ts'
import { ask, describe } from './control.ts'
import type { OpenConnection } from './control.ts'
import { createSteps } from './create.ts'
import { backupOf, restoreOf } from './describe.ts'
import { exportOfArn, importOfArn, listAll } from './list.ts'
import { configError, parseArn } from './names.ts'
import type { Arn } from './names.ts'
import { continuousBackups, pointInTime } from './point-in-time.ts'
import { backupById, restoreSteps } from './restore.ts'
import { beginAll } from './steps.ts'

/** @returns what closes the connection when it is closed; DynamoDB can't stop what it has begun, so there is no `cancel` */
export async function createBackupService(connection: OpenConnection): Promise<BackupService> {
  const region = await connection.client.config.region()
  return {
    location: connection.location,
    async create(request, { signal }) {
      return await beginAll(await createSteps(connection, request, signal), signal)
    },
    async restore(request, { signal }) {
      return await beginAll(await restoreSteps(connection, region, request, signal), signal)
    },
    async plan(asked, { signal }) {
      const steps =
        'create' in asked
          ? await createSteps(connection, asked.create, signal)
          : await restoreSteps(connection, region, asked.restore, signal)
      return steps.map(({ planned }) => planned)
    },
    async list(filter, { signal }) {
      return await listAll(connection, filter, signal)
    },
    async status(id, { signal }) {
      return await statusOf(connection, region, id, signal)
    },
    async checkChange(change, id, { signal }) {
      if (change === 'cancel') throw configError("DynamoDB can't stop what it has begun")
      const { arn, table } = await removable(connection, region, id, signal)
      return await backupById(connection, arn, table, signal)
    },
    async remove(id, { signal }) {
      return await remove(connection, await removable(connection, region, id, signal), signal)
    },
    async pointInTime(collections, change, options) {
      return await pointInTime(connection, collections, change, options)
    },
    async close() {
      connection.close()
    }
  }
}

async function statusOf(connection: OpenConnection, region: string, id: string, signal: AbortSignal | undefined): Promise<Backup> {
  const { arn, kind, table } = parseArn(id, region)
  if (kind === 'backup') return await backupById(connection, arn, table, signal)
  if (kind === 'export') return await exportOfArn(connection, arn, signal)
  if (kind === 'import') return await importOfArn(connection, arn, signal)
  const description = await describe(connection, table, signal).catch((error: unknown) => {
    if (!(error instanceof DocferryError) || error.code !== 'DOCFERRY_NO_SUCH_COLLECTION') throw error
    throw new DocferryError('DOCFERRY_NO_SUCH_BACKUP', `${error.message} A restore that has failed leaves none`, { provider: 'dynamodb' })
  })
  return description.RestoreSummary ? restoreOf(description) : await continuousBackups(connection, table, arn, signal)
}

/** @throws {DocferryError} DOCFERRY_CONFIG for what is no backup */
async function removable(connection: OpenConnection, region: string, id: string, signal: AbortSignal | undefined): Promise<Arn> {
  const parsed = parseArn(id, region)
  switch (parsed.kind) {
    case 'backup':
      return parsed
    case 'export': {
      const { place } = await exportOfArn(connection, parsed.arn, signal)
      throw configError(`an export can't be deleted here: its files are yours, at ${place}, and DynamoDB forgets it after 90 days`)
    }
    case 'import':
      throw configError(
        `that is an import, which made the table ${parsed.table}: docferry deletes only backups, and DynamoDB forgets it after 90 days`
      )
    case 'table':
      throw configError(`that is the table ${parsed.table} itself, with its documents: docferry deletes only backups`)
  }
}

async function remove(connection: OpenConnection, { arn, table }: Arn, signal: AbortSignal | undefined): Promise<Backup> {
  const { sdk, client } = connection
  return await ask(connection, 'DeleteBackup', { id: arn, signal }, async (options, attempt) => {
    try {
      const { BackupDescription } = await client.send(new sdk.DeleteBackupCommand({ BackupArn: arn }), options)
      const deleted = backupOf(BackupDescription!.BackupDetails!, BackupDescription?.SourceTableDetails?.TableName ?? table)
      return { ...deleted, state: 'deleted' }
    } catch (error) {
      // A try whose answer was lost has deleted it.
      if (attempt > 1 && (error as { name?: string }).name === 'BackupNotFoundException')
        return { id: arn, kind: 'backup', state: 'deleted', collections: [table] }
      throw error
    }
  })
}
