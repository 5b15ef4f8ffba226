import { expect } from 'chai'
import { dynamodbConnector } from '../../../../lib/connectors/dynamodb/index.ts'
import { region } from '../../../support/dynamodb-control/state.ts'
import { silent } from '../support.ts'
import { backupBench, credentials, failed, tableArn } from './support.ts'

describe('dynamodb: keeping backups', () => {
  const bench = backupBench()
  const gone = `${tableArn('agents')}/backup/01489602797149-73d8d5bc`

  async function make(): Promise<{ backup: string; exported: string; imported: string }> {
    await bench.service.pointInTime!(['agents'], 'on', {})
    const [backup] = await bench.wait(await bench.service.create({ collections: ['agents'], name: 'one' }, {}))
    const [exported] = await bench.wait(await bench.service.create({ collections: ['agents'], to: 's3://bucket/x' }, {}))
    const [imported] = await bench.wait(await bench.service.restore({ from: 's3://bucket/x', as: 'copy' }, {}))
    return { backup: backup!.id, exported: exported!.id, imported: imported!.id }
  }

  describe('lists of backups', () => {
    it('reads every page of backups, exports and imports, the newest first', async () => {
      await bench.service.pointInTime!(['agents'], 'on', {})
      for (let i = 0; i < 5; i++) {
        await bench.service.create({ collections: ['agents'], name: `backup-${i}` }, {})
        await bench.service.create({ collections: ['agents'], to: 's3://bucket/x' }, {})
        await bench.service.restore({ from: 's3://bucket/x', as: `copy-${i}` }, {})
      }
      const before = bench.count('ListBackups')
      const listed = await bench.service.list({}, {})
      expect(listed).to.have.length(15)
      expect(new Set(listed.map(({ id }) => id))).to.have.property('size', 15)
      const times = listed.map(({ startedAt }) => startedAt!.getTime())
      expect(times).to.deep.equal(times.toSorted((a, b) => b - a))
      expect(listed[0]).to.include({ kind: 'import' })
      expect([bench.count('ListBackups') - before, bench.count('ListExports'), bench.count('ListImports')]).to.deep.equal([3, 3, 3])
    })

    it('narrows by table and kind', async () => {
      await make()
      await bench.service.create({ collections: ['users'] }, {})
      const of = async (filter: Parameters<typeof bench.service.list>[0]) =>
        (await bench.service.list(filter, {})).map(({ kind, collections }) => `${kind} ${collections!.join()}`)
      expect(await of({ collections: ['users'] })).to.deep.equal(['backup users'])
      expect(await of({ kinds: ['export'] })).to.deep.equal(['export agents'])
      expect(await of({ kinds: ['import'], collections: ['agents'] })).to.deep.equal([])
      expect(await of({ kinds: ['point-in-time'] })).to.have.members(['point-in-time agents', 'point-in-time copy', 'point-in-time users'])
    })

    it('lists restored tables too, where they are asked for', async () => {
      const { backup } = await make()
      await bench.service.restore({ from: backup, as: 'agents-old' }, {})
      const listed = await bench.service.list({ kinds: ['restore'] }, {})
      expect(listed.map(({ id }) => id)).to.deep.equal([tableArn('agents-old')])
    })

    it('lists what is there of a table that is gone', async () => {
      const { backup } = await make()
      bench.server.account.tables.delete('agents')
      expect((await bench.service.list({ collections: ['agents'], kinds: ['backup'] }, {}))[0]).to.include({ id: backup })
    })
  })

  describe('status and removal of backups', () => {
    it('tells what an ARN is of by its form', async () => {
      const { backup, exported, imported } = await make()
      expect(await bench.service.status(backup, {})).to.include({ kind: 'backup', state: 'available', name: 'one' })
      expect(await bench.service.status(exported, {})).to.include({ kind: 'export', state: 'available' })
      expect(await bench.service.status(imported, {})).to.include({ kind: 'import', state: 'available' })
      expect(await bench.service.status(tableArn('agents'), {})).to.include({ kind: 'point-in-time', state: 'available' })
    })

    for (const [what, error] of [
      ['backup', 'DescribeBackup'],
      ['export', 'DescribeExport'],
      ['import', 'DescribeImport']
    ] as const) {
      it(`knows no ${what} that is not there`, async () => {
        const thrown = await failed(bench.service.status(gone.replace('/backup/', `/${what}/`), {}))
        expect(thrown).to.include({ code: 'DOCFERRY_NO_SUCH_BACKUP' })
        expect(bench.count(error)).to.equal(1)
      })
    }

    for (const id of ['before-move', 's3://bucket/x', 'arn:aws:dynamodb:us-east-1:1:table/x', `${tableArn('agents')}/stream/x`]) {
      it(`refuses ${id} as an id`, async () => {
        const error = await failed(bench.service.status(id, {}))
        expect(error).to.include({ code: 'DOCFERRY_CONFIG' })
        expect(error.message).to.include('docferry backup list')
      })
    }

    it('deletes a backup, also where the answer was lost', async () => {
      const { backup } = await make()
      bench.server.faults.push({ operation: 'DeleteBackup', afterWork: true })
      expect(await bench.service.remove(backup, {})).to.deep.include({ id: backup, state: 'deleted', collections: ['agents'] })
      expect(bench.server.account.backups).to.have.property('size', 0)
      expect(await failed(bench.service.remove(backup, {}))).to.include({ code: 'DOCFERRY_NO_SUCH_BACKUP' })
    })

    it('says what it is that can not be deleted', async () => {
      const { imported } = await make()
      expect((await failed(bench.service.checkChange('delete', imported, {}))).message).to.include('an import, which made the table')
      const error = await failed(bench.service.checkChange('delete', tableArn('agents'), {}))
      expect(error.message).to.include('the table agents itself, with its documents')
    })

    it('deletes no export, import or table, and says what is left where', async () => {
      const { exported, imported } = await make()
      const error = await failed(bench.service.remove(exported, {}))
      expect(error.message).to.match(/at s3:\/\/bucket\/x\/AWSDynamoDB\//)
      for (const id of [imported, tableArn('agents')])
        expect(await failed(bench.service.remove(id, {}))).to.include({ code: 'DOCFERRY_CONFIG' })
    })
  })

  describe('continuous backups', () => {
    it('are told of, switched on and off', async () => {
      const [off] = await bench.service.pointInTime!(['agents'], undefined, {})
      expect(off).to.deep.equal({ id: tableArn('agents'), kind: 'point-in-time', state: 'off', collections: ['agents'] })
      const [on] = await bench.service.pointInTime!(['agents'], 'on', { recoveryDays: 7 })
      expect(on).to.deep.include({
        state: 'available',
        message: 'kept for 7 days',
        restorable: { from: new Date('2026-11-21T12:00:00Z'), until: new Date('2026-11-22T11:55:00Z') }
      })
      expect(bench.request('UpdateContinuousBackups')).to.deep.equal({
        TableName: 'agents',
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true, RecoveryPeriodInDays: 7 }
      })
      expect((await bench.service.pointInTime!(undefined, undefined, {})).map(({ state }) => state)).to.deep.equal(['available', 'off'])
      expect((await bench.service.pointInTime!(['agents'], 'off', {}))[0]).to.include({ state: 'off' })
    })

    for (const [collections, change, recoveryDays, words] of [
      [undefined, 'on', undefined, '--collections'],
      [['agents'], 'on', 36, '1 to 35'],
      [['agents'], 'on', NaN, '1 to 35'],
      [['agents'], 'off', 7, 'for switching on']
    ] as const) {
      it(`changes nothing with ${String(collections)} ${change} ${recoveryDays}`, async () => {
        const error = await failed(bench.service.pointInTime!(collections, change, { recoveryDays }))
        expect(error).to.include({ code: 'DOCFERRY_CONFIG' })
        expect(error.message).to.include(words)
        expect(bench.count('UpdateContinuousBackups')).to.equal(0)
      })
    }
  })

  describe('errors of backups', () => {
    for (const [operation, error, code, words] of [
      ['CreateBackup', 'ResourceNotFoundException', 'DOCFERRY_NO_SUCH_COLLECTION', 'agents'],
      ['CreateBackup', 'UnrecognizedClientException', 'DOCFERRY_AUTH', 'AWS_ACCESS_KEY_ID'],
      ['CreateBackup', 'AccessDeniedException', 'DOCFERRY_PERMISSION', 'dynamodb:CreateBackup'],
      ['CreateBackup', 'UnknownOperationException', 'DOCFERRY_CONFIG', 'DynamoDB Local'],
      ['CreateBackup', 'ValidationException', 'DOCFERRY_CONFIG', 'as told by the spec'],
      ['RestoreTableFromBackup', 'TableAlreadyExistsException', 'DOCFERRY_CONFIG', '--suffix'],
      ['RestoreTableFromBackup', 'BackupNotFoundException', 'DOCFERRY_NO_SUCH_BACKUP', 'backup'],
      ['RestoreTableToPointInTime', 'InvalidRestoreTimeException', 'DOCFERRY_CONFIG', 'point-in-time'],
      ['RestoreTableToPointInTime', 'PointInTimeRecoveryUnavailableException', 'DOCFERRY_CONFIG', 'point-in-time on'],
      ['ExportTableToPointInTime', 'InvalidExportTimeException', 'DOCFERRY_CONFIG', 'point-in-time'],
      ['ExportTableToPointInTime', 'ExportConflictException', 'DOCFERRY_BACKUP', 'under way'],
      ['ImportTable', 'ImportConflictException', 'DOCFERRY_BACKUP', 'under way'],
      ['ImportTable', 'ResourceInUseException', 'DOCFERRY_CONFIG', 'already']
    ] as const) {
      it(`${operation}: ${error}`, async () => {
        const { backup } = await make()
        bench.server.faults.push({ operation, error })
        const { service } = bench
        const calls = {
          CreateBackup: () => service.create({ collections: ['agents'] }, {}),
          RestoreTableFromBackup: () => service.restore({ from: backup, as: 'new-table' }, {}),
          RestoreTableToPointInTime: () => service.restore({ at: 'latest', collections: ['agents'], as: 'new-table' }, {}),
          ExportTableToPointInTime: () => service.create({ collections: ['agents'], to: 's3://bucket/x' }, {}),
          ImportTable: () => service.restore({ from: 's3://bucket/x', as: 'new-table' }, {})
        }
        const thrown = await failed(calls[operation]())
        expect(thrown).to.include({ code })
        expect(thrown.message).to.include(words)
        expect(thrown.message + JSON.stringify(thrown)).not.to.include(credentials.secretAccessKey)
      })
    }

    for (const error of [
      'BackupInUseException',
      'TableInUseException',
      'ContinuousBackupsUnavailableException',
      'LimitExceededException'
    ]) {
      it(`tries again on ${error}, which passes`, async () => {
        bench.server.faults.push({ operation: 'CreateBackup', error })
        expect(await bench.service.create({ collections: ['agents'] }, {})).to.have.length(1)
        expect(bench.count('CreateBackup')).to.equal(2)
      })
    }

    it('tries again on an error of the server, making no second backup', async () => {
      bench.server.faults.push({ operation: 'CreateBackup', error: 'InternalServerError', status: 500, afterWork: true })
      await bench.service.create({ collections: ['agents'] }, {})
      expect(bench.server.account.backups).to.have.property('size', 1)
    })

    it('shows a refused login when it opens', async () => {
      bench.server.faults.push({ operation: 'ListTables', error: 'UnrecognizedClientException' })
      const opening = dynamodbConnector.openBackups!({ endpoint: bench.server.endpoint, region, credentials }, { logger: silent })
      expect(await failed(opening)).to.include({ code: 'DOCFERRY_AUTH' })
    })
  })
})
