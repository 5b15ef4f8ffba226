/** Tables, backups, exports and imports of a made-up account, as the protocol server keeps them. Nothing happens by the clock: each look brings a thing further. */
import type { OperationName } from './model.ts'
import { Refused } from './refused.ts'
import type { Json } from './refused.ts'
import { checkContinuous, checkExport, checkImport, checkRestore } from './rules.ts'

export { Refused, type Json }

export const account = '111122223333'
export const region = 'us-east-1'

interface Timed {
  /** Looks until it is done. */
  looks: number
}

export interface Table extends Timed {
  readonly json: Json
  pitrDays?: number
}

interface Thing extends Timed {
  readonly json: Json
  readonly token?: string
  readonly request: string
  /** What it has in the end. */
  readonly outcome: Json
}

export interface Script {
  /** How often a thing is looked at until it is done; 0: at once. */
  looks: number
  /** Of exports begun from now on: `{ ExportStatus: 'FAILED', FailureCode }`; of imports likewise. */
  exportOutcome: Json
  importOutcome: Json
  /** The longest page of a list. */
  pageSize: number
  /** Which moments continuous backups know, in seconds. */
  window: readonly [from: number, until: number]
}

/** In seconds. */
export const nowSeconds = Date.parse('2026-11-22T12:00:00Z') / 1000

export class Account {
  readonly script: Script = { looks: 2, exportOutcome: {}, importOutcome: {}, pageSize: 2, window: [nowSeconds - 86_400, nowSeconds - 300] }
  readonly tables = new Map<string, Table>()
  readonly backups = new Map<string, Thing>()
  readonly exports = new Map<string, Thing>()
  readonly imports = new Map<string, Thing>()
  #made = 0

  addTable(name: string, more: Json = {}): void {
    this.tables.set(name, { looks: 0, json: { ...tableJson(name), ...more } })
  }

  answer(operation: OperationName, request: Json): Json {
    return this.#operations[operation](request)
  }

  readonly #operations: Readonly<Record<OperationName, (request: Json) => Json>> = {
    ListTables: ({ ExclusiveStartTableName: after = '', Limit: limit = 100 }) => {
      const names = [...this.tables.keys()].sort().filter(name => name > (after as string))
      const page = names.slice(0, limit as number)
      return { TableNames: page, ...(page.length < names.length && { LastEvaluatedTableName: page.at(-1) }) }
    },
    DescribeTable: ({ TableName }) => {
      const table = this.tables.get(nameOf(TableName))
      if (!table) throw new Refused('ResourceNotFoundException', `Requested resource not found: Table: ${nameOf(TableName)} not found`)
      const isImporting = this.#isImporting(nameOf(TableName))
      if (table.looks-- > 0 || isImporting) return { Table: { ...table.json, TableStatus: 'CREATING' } }
      const summary = table.json['RestoreSummary'] as Json | undefined
      return { Table: { ...table.json, ...(summary && { RestoreSummary: { ...summary, RestoreInProgress: false } }) } }
    },
    CreateBackup: request => {
      const { name, table } = this.#table(request['TableName'])
      if (table.looks > 0 || this.#isImporting(name)) throw new Refused('TableInUseException', `Table is being created: ${name}`)
      const arn = this.#arn(name, 'backup')
      const details = {
        BackupArn: arn,
        BackupName: request['BackupName'],
        BackupStatus: 'CREATING',
        BackupType: 'USER',
        BackupSizeBytes: 0,
        BackupCreationDateTime: nowSeconds + this.#made
      }
      this.backups.set(arn, {
        looks: this.script.looks,
        json: details,
        request: '',
        outcome: { BackupStatus: 'AVAILABLE', BackupSizeBytes: 4096 }
      })
      return { BackupDetails: details }
    },
    ListBackups: ({ TableName, ExclusiveStartBackupArn: after, Limit = 100, BackupType: type = 'USER', ...range }) => {
      const { TimeRangeLowerBound: lower = 0, TimeRangeUpperBound: upper = Infinity } = range
      const found = [...this.backups].filter(([arn, { json }]) => {
        const { BackupType, BackupCreationDateTime: made } = json
        const isInRange = (made as number) >= (lower as number) && (made as number) < (upper as number)
        return isInRange && (type === 'ALL' || type === BackupType) && (TableName === undefined || nameOf(arn) === nameOf(TableName))
      })
      const start = after === undefined ? 0 : found.findIndex(([arn]) => arn === after) + 1
      const end = start + Math.min(this.script.pageSize, Limit as number)
      return {
        BackupSummaries: found
          .slice(start, end)
          .map(([arn, thing]) => ({ ...seen(thing), TableName: nameOf(arn), TableArn: tableArn(nameOf(arn)) })),
        ...(end < found.length && { LastEvaluatedBackupArn: found[end - 1]![0] })
      }
    },
    DescribeBackup: ({ BackupArn }) => ({ BackupDescription: this.#description(look(this.#backup(BackupArn)), BackupArn as string) }),
    DeleteBackup: ({ BackupArn }) => {
      const thing = this.#backup(BackupArn)
      if (thing.looks > 0) throw new Refused('BackupInUseException', 'Backup is being created')
      this.backups.delete(BackupArn as string)
      return { BackupDescription: this.#description({ ...thing.json, BackupStatus: 'DELETED' }, BackupArn as string) }
    },
    RestoreTableFromBackup: request => {
      const { BackupArn } = request
      checkRestore(request)
      const thing = this.#backup(BackupArn)
      if (thing.looks > 0) throw new Refused('BackupInUseException', 'Backup is being created')
      const summary = {
        SourceBackupArn: BackupArn,
        SourceTableArn: tableArn(nameOf(BackupArn)),
        RestoreDateTime: thing.json['BackupCreationDateTime']
      }
      return this.#restore(request, summary)
    },
    DescribeContinuousBackups: ({ TableName }) => this.#continuous(this.#table(TableName).table),
    UpdateContinuousBackups: ({ TableName, PointInTimeRecoverySpecification: asked }) => {
      const { table, name } = this.#table(TableName)
      checkContinuous(asked as Json)
      if (table.looks > 0 || this.#isImporting(name))
        throw new Refused('ContinuousBackupsUnavailableException', `Backups are being enabled for the table: ${name}`)
      const { PointInTimeRecoveryEnabled: isOn, RecoveryPeriodInDays: days = 35 } = asked as Json
      if (isOn) table.pitrDays = days as number
      else delete table.pitrDays
      return this.#continuous(table)
    },
    RestoreTableToPointInTime: request => {
      const { table, name } = this.#table(request['SourceTableName'] ?? request['SourceTableArn'])
      if (table.pitrDays === undefined)
        throw new Refused('PointInTimeRecoveryUnavailableException', `Point in time recovery is not enabled for ${name}`)
      checkRestore(request)
      const [from, until] = this.script.window
      const at = request['UseLatestRestorableTime'] === true ? until : (request['RestoreDateTime'] as number | undefined)
      if (at === undefined) throw new Refused('ValidationException', 'One of RestoreDateTime and UseLatestRestorableTime must be given')
      if (at < from || at > until) throw new Refused('InvalidRestoreTimeException', 'Restore time out of range')
      return this.#restore(request, { SourceTableArn: tableArn(name), RestoreDateTime: at })
    },
    ExportTableToPointInTime: request => {
      const { table, name } = this.#table(request['TableArn'])
      if (!(request['TableArn'] as string).startsWith('arn:')) throw new Refused('ValidationException', 'Invalid TableArn')
      if (table.pitrDays === undefined)
        throw new Refused('PointInTimeRecoveryUnavailableException', `Point in time recovery is not enabled for ${name}`)
      checkExport(request, this.script.window)
      const { ExportType = 'FULL_EXPORT', ExportTime = ExportType === 'FULL_EXPORT' ? this.script.window[1] : undefined } = request
      const known = this.#ofToken(this.exports, request, 'ExportConflictException')
      if (known) return { ExportDescription: known.json }
      const arn = this.#arn(name, 'export')
      const json = { ...request, ExportArn: arn, ExportStatus: 'IN_PROGRESS', ExportType, ExportTime, StartTime: nowSeconds + this.#made }
      const folder = [request['S3Prefix'], 'AWSDynamoDB', arn.split('/').at(-1)].filter(Boolean).join('/')
      const outcome = {
        ExportStatus: 'COMPLETED',
        EndTime: nowSeconds + 600,
        ExportManifest: `${folder}/manifest-summary.json`,
        ItemCount: 42,
        BilledSizeBytes: 1_048_576,
        ...this.script.exportOutcome
      }
      this.exports.set(arn, this.#thing(request, json, outcome))
      return { ExportDescription: json }
    },
    ListExports: ({ NextToken, TableArn }) => {
      const { page, next } = this.#page(this.exports, NextToken, TableArn)
      return {
        ExportSummaries: page.map(thing => pick(seen(thing), ['ExportArn', 'ExportStatus', 'ExportType'])),
        ...(next !== undefined && { NextToken: next })
      }
    },
    DescribeExport: ({ ExportArn }) => ({ ExportDescription: look(found(this.exports, ExportArn, 'ExportNotFoundException')) }),
    ImportTable: request => {
      const { TableName, KeySchema, AttributeDefinitions } = request['TableCreationParameters'] as Json
      checkImport(request)
      const known = this.#ofToken(this.imports, request, 'ImportConflictException')
      if (known) return { ImportTableDescription: known.json }
      const name = TableName as string
      if (this.tables.has(name)) throw new Refused('ResourceInUseException', `Table already exists: ${name}`)
      this.addTable(name, { KeySchema, AttributeDefinitions })
      const arn = this.#arn(name, 'import')
      const json = { ...request, ImportArn: arn, ImportStatus: 'IN_PROGRESS', TableArn: tableArn(name), StartTime: nowSeconds + this.#made }
      const outcome = {
        ImportStatus: 'COMPLETED',
        EndTime: nowSeconds + 600,
        ProcessedItemCount: 42,
        ImportedItemCount: 42,
        ProcessedSizeBytes: 8_192,
        ErrorCount: 0,
        CloudWatchLogGroupArn: `arn:aws:logs:${region}:${account}:log-group:/aws-dynamodb/imports:*`,
        ...this.script.importOutcome
      }
      this.imports.set(arn, this.#thing(request, json, outcome))
      return { ImportTableDescription: json }
    },
    ListImports: ({ NextToken, TableArn }) => {
      const after = NextToken === undefined ? undefined : String(parseInt(NextToken as string, 16))
      const { page, next } = this.#page(this.imports, after, TableArn)
      return {
        ImportSummaryList: page.map(thing => pick(seen(thing), ['ImportArn', 'ImportStatus', 'TableArn', 'InputFormat', 'StartTime'])),
        // At least 112 hexadecimal digits, says the model; the number stands in their end.
        ...(next !== undefined && { NextToken: Number(next).toString(16).padStart(112, '0') })
      }
    },
    DescribeImport: ({ ImportArn }) => ({ ImportTableDescription: look(found(this.imports, ImportArn, 'ImportNotFoundException')) })
  }

  #arn(table: string, kind: string): string {
    this.#made++
    return `${tableArn(table)}/${kind}/0${1_700_000_000_000 + this.#made}-${String(this.#made).padStart(8, '0')}`
  }

  #table(nameOrArn: unknown): { readonly table: Table; readonly name: string } {
    const name = nameOf(nameOrArn)
    const table = this.tables.get(name)
    if (!table) throw new Refused('TableNotFoundException', `Table not found: ${name}`)
    return { table, name }
  }

  /** A table is being created as long as its import runs. */
  #isImporting(table: string): boolean {
    return [...this.imports.values()].some(({ looks, json }) => looks > 0 && json['TableArn'] === tableArn(table))
  }

  #backup(arn: unknown): Thing {
    return found(this.backups, arn, 'BackupNotFoundException')
  }

  #description(details: Json, arn: string): Json {
    return {
      BackupDetails: details,
      SourceTableDetails: {
        TableName: nameOf(arn),
        TableId: '00000000-0000-0000-0000-000000000000',
        TableArn: tableArn(nameOf(arn)),
        KeySchema: [{ AttributeName: '_id', KeyType: 'HASH' }],
        TableCreationDateTime: nowSeconds,
        ProvisionedThroughput: { ReadCapacityUnits: 1, WriteCapacityUnits: 1 },
        ItemCount: 0
      }
    }
  }

  #continuous({ pitrDays }: Table): Json {
    const [from, until] = this.script.window
    const on = {
      PointInTimeRecoveryStatus: 'ENABLED',
      RecoveryPeriodInDays: pitrDays,
      EarliestRestorableDateTime: from,
      LatestRestorableDateTime: until
    }
    return {
      ContinuousBackupsDescription: {
        ContinuousBackupsStatus: 'ENABLED',
        PointInTimeRecoveryDescription: pitrDays === undefined ? { PointInTimeRecoveryStatus: 'DISABLED' } : on
      }
    }
  }

  #restore({ TargetTableName }: Json, summary: Json): Json {
    const name = TargetTableName as string
    if (this.tables.has(name)) throw new Refused('TableAlreadyExistsException', `Table already exists: ${name}`)
    this.addTable(name, { RestoreSummary: { ...summary, RestoreInProgress: true } })
    const table = this.tables.get(name)!
    table.looks = this.script.looks
    return { TableDescription: { ...table.json, TableStatus: 'CREATING' } }
  }

  #thing(request: Json, json: Json, outcome: Json): Thing {
    return {
      looks: this.script.looks,
      json,
      outcome,
      request: JSON.stringify(request),
      token: request['ClientToken'] as string | undefined
    }
  }

  /** The same token is the same call; with another request it is a conflict. */
  #ofToken(things: ReadonlyMap<string, Thing>, request: Json, conflict: string): Thing | undefined {
    const token = request['ClientToken']
    const known = token === undefined ? undefined : [...things.values()].find(thing => thing.token === token)
    if (known && known.request !== JSON.stringify(request)) throw new Refused(conflict, 'Another request has this token')
    return known
  }

  /** Of one table, or of all. */
  #page(
    things: ReadonlyMap<string, Thing>,
    after: unknown,
    table: unknown
  ): { readonly page: readonly Thing[]; readonly next: string | undefined } {
    const all = [...things.values()].filter(({ json }) => table === undefined || json['TableArn'] === table)
    const start = Number(after ?? 0)
    const end = start + this.script.pageSize
    return { page: all.slice(start, end), next: end < all.length ? String(end) : undefined }
  }
}

function tableJson(name: string): Json {
  return {
    TableName: name,
    TableArn: tableArn(name),
    TableStatus: 'ACTIVE',
    CreationDateTime: nowSeconds,
    KeySchema: [{ AttributeName: '_id', KeyType: 'HASH' }],
    AttributeDefinitions: [{ AttributeName: '_id', AttributeType: 'S' }],
    ItemCount: 0,
    TableSizeBytes: 0
  }
}

export function tableArn(name: string): string {
  return `arn:aws:dynamodb:${region}:${account}:table/${name}`
}

/** Of a table's name, its ARN or that of something of it. */
function nameOf(text: unknown): string {
  return /:table\/([^/]+)/.exec(String(text))?.[1] ?? String(text)
}

/** As it is now, and one look nearer to its end. */
function look(thing: Thing): Json {
  return thing.looks-- > 0 ? thing.json : { ...thing.json, ...thing.outcome }
}

function seen(thing: Thing): Json {
  return thing.looks > 0 ? thing.json : { ...thing.json, ...thing.outcome }
}

function found(things: ReadonlyMap<string, Thing>, arn: unknown, error: string): Thing {
  const thing = things.get(arn as string)
  if (!thing) throw new Refused(error, `Not found: ${String(arn)}`)
  return thing
}

function pick(json: Json, names: readonly string[]): Json {
  return Object.fromEntries(names.filter(name => name in json).map(name => [name, json[name]]))
}
