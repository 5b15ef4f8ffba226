/** What there is: backups, exports, imports, restored tables and continuous backups. */
import type { Backup, BackupFilter, BackupKind } from '../../../contracts/backup.ts'
import { runParallel } from '../../../engine/run-parallel.ts'
import { DocferryError } from '../../../errors.ts'
import { ask, find, tablesOf } from './control.ts'
import type { OpenConnection } from './control.ts'
import { backupOf, exportOf, importOf, restoreOf } from './describe.ts'
import { tableOf } from './names.ts'
import { continuousBackups } from './point-in-time.ts'

/** What is listed where nothing is said: that others cost a call for each table. */
const usual: readonly BackupKind[] = ['backup', 'export', 'import']

/** Calls under way at once: a list of exports holds no more than their ARNs and states. */
const atOnce = 4

/** Newest first. */
export async function listAll(
  connection: OpenConnection,
  { collections, kinds = usual }: BackupFilter,
  signal: AbortSignal | undefined
): Promise<readonly Backup[]> {
  const wanted = collections && new Set(collections)
  const lists: Readonly<Record<BackupKind, () => Promise<readonly Backup[]>>> = {
    backup: () => listBackups(connection, collections, signal),
    export: async () => await describeAll(await exportArns(connection, signal), arn => exportOfArn(connection, arn, signal)),
    import: async () => await describeAll(await importArns(connection, signal), arn => importOfArn(connection, arn, signal)),
    restore: () => restores(connection, collections, signal),
    'point-in-time': () => continuous(connection, collections, signal),
    schedule: async () => []
  }
  const found: Backup[] = []
  for (const kind of new Set(kinds)) found.push(...(await lists[kind]()))
  return found
    .filter(({ collections: tables = [] }) => !wanted || tables.some(table => wanted.has(table)))
    .sort((a, b) => (b.startedAt?.getTime() ?? 0) - (a.startedAt?.getTime() ?? 0))

  /** One that is forgotten between the list and the look is left out. */
  async function describeAll(arns: readonly string[], look: (arn: string) => Promise<Backup>): Promise<readonly Backup[]> {
    const described: Backup[] = []
    await runParallel(
      arns.filter(arn => !wanted || wanted.has(tableOf(arn) ?? '')),
      atOnce,
      async arn => {
        const backup = await look(arn).catch((error: unknown) => {
          if (error instanceof DocferryError && error.code === 'DOCFERRY_NO_SUCH_BACKUP') return undefined
          throw error
        })
        if (backup) described.push(backup)
      }
    )
    return described
  }
}

async function listBackups(
  connection: OpenConnection,
  tables: readonly string[] | undefined,
  signal: AbortSignal | undefined
): Promise<readonly Backup[]> {
  const found: Backup[] = []
  for (const table of tables ?? [undefined]) found.push(...(await backupsOfTable(connection, table, signal)))
  return found
}

/** @param table also one that is gone; undefined: of all */
export async function backupsOfTable(
  connection: OpenConnection,
  table: string | undefined,
  signal: AbortSignal | undefined
): Promise<readonly Backup[]> {
  const { sdk, client } = connection
  const found: Backup[] = []
  let after: string | undefined
  do {
    const input = { TableName: table, BackupType: 'ALL', ExclusiveStartBackupArn: after } as const
    const page = await ask(connection, 'ListBackups', { collection: table, signal }, options =>
      client.send(new sdk.ListBackupsCommand(input), options)
    )
    found.push(...(page.BackupSummaries ?? []).map(summary => backupOf(summary, summary.TableName)))
    after = page.LastEvaluatedBackupArn
  } while (after !== undefined)
  return found
}

async function exportArns(connection: OpenConnection, signal: AbortSignal | undefined): Promise<readonly string[]> {
  const { sdk, client } = connection
  return await allPages(async NextToken => {
    const page = await ask(connection, 'ListExports', { signal }, options =>
      client.send(new sdk.ListExportsCommand({ NextToken }), options)
    )
    return { arns: (page.ExportSummaries ?? []).map(summary => summary.ExportArn), next: page.NextToken }
  })
}

async function importArns(connection: OpenConnection, signal: AbortSignal | undefined): Promise<readonly string[]> {
  const { sdk, client } = connection
  return await allPages(async NextToken => {
    const page = await ask(connection, 'ListImports', { signal }, options =>
      client.send(new sdk.ListImportsCommand({ NextToken }), options)
    )
    return { arns: (page.ImportSummaryList ?? []).map(summary => summary.ImportArn), next: page.NextToken }
  })
}

interface ArnPage {
  readonly arns: readonly (string | undefined)[]
  readonly next: string | undefined
}

async function allPages(read: (next: string | undefined) => Promise<ArnPage>): Promise<readonly string[]> {
  const found: string[] = []
  let next: string | undefined
  do {
    const page = await read(next)
    found.push(...page.arns.filter(arn => arn !== undefined))
    next = page.next
  } while (next !== undefined)
  return found
}

export async function exportOfArn(connection: OpenConnection, arn: string, signal: AbortSignal | undefined): Promise<Backup> {
  return exportOf(await describeExport(connection, arn, signal))
}

export async function describeExport(connection: OpenConnection, arn: string, signal: AbortSignal | undefined) {
  const { sdk, client } = connection
  const { ExportDescription } = await ask(connection, 'DescribeExport', { id: arn, signal }, options =>
    client.send(new sdk.DescribeExportCommand({ ExportArn: arn }), options)
  )
  return ExportDescription!
}

export async function importOfArn(connection: OpenConnection, arn: string, signal: AbortSignal | undefined): Promise<Backup> {
  const { sdk, client } = connection
  const { ImportTableDescription } = await ask(connection, 'DescribeImport', { id: arn, signal }, options =>
    client.send(new sdk.DescribeImportCommand({ ImportArn: arn }), options)
  )
  return importOf(ImportTableDescription!)
}

const restores: OfTables = async (connection, tables, signal) =>
  await ofEachTable(connection, tables, signal, table => (table.RestoreSummary ? restoreOf(table) : undefined))

const continuous: OfTables = async (connection, tables, signal) =>
  await ofEachTable(connection, tables, signal, async (table, name) => await continuousBackups(connection, name, table.TableArn, signal))

type Table = NonNullable<Awaited<ReturnType<typeof find>>>
type OfTables = (
  connection: OpenConnection,
  tables: readonly string[] | undefined,
  signal: AbortSignal | undefined
) => Promise<readonly Backup[]>

async function ofEachTable(
  connection: OpenConnection,
  tables: readonly string[] | undefined,
  signal: AbortSignal | undefined,
  look: (table: Table, name: string) => Backup | undefined | Promise<Backup>
): Promise<readonly Backup[]> {
  const found: Backup[] = []
  await runParallel(await tablesOf(connection, { collections: tables }, signal), atOnce, async name => {
    const table = await find(connection, name, signal)
    const backup = table && (await look(table, name))
    if (backup) found.push(backup)
  })
  return found
}
