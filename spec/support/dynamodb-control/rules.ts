/** What DynamoDB refuses of requests that are well formed: rules between their members, from the vendor's reference of the API and its developer guide. */
import { Refused } from './refused.ts'
import type { Json } from './refused.ts'

const minute = 60

function refuse(message: string): never {
  throw new Refused('ValidationException', message)
}

/** @param window which moments continuous backups know, in seconds */
export function checkExport(request: Json, [from, until]: readonly [from: number, until: number]): void {
  const { ExportTime: at, ExportType: type = 'FULL_EXPORT', IncrementalExportSpecification: changes } = request
  if ((type === 'INCREMENTAL_EXPORT') !== (changes !== undefined))
    refuse('IncrementalExportSpecification must be given with ExportType INCREMENTAL_EXPORT only')
  const { ExportFromTime: since, ExportToTime: before } = (changes ?? {}) as Json
  for (const moment of [at, since, before]) {
    if (moment !== undefined && ((moment as number) < from || (moment as number) > until))
      throw new Refused('InvalidExportTimeException', 'The specified time is outside of the point in time recovery window')
  }
  if (!changes) return
  if (at !== undefined) refuse('ExportTime must not be given with ExportType INCREMENTAL_EXPORT')
  if (since === undefined) refuse('ExportFromTime must be given with ExportType INCREMENTAL_EXPORT')
  const period = ((before as number | undefined) ?? until) - (since as number)
  if (period < 15 * minute || period > 24 * 60 * minute) refuse('The export period must be from 15 minutes to 24 hours')
}

export function checkImport({ InputFormat, InputFormatOptions, TableCreationParameters }: Json): void {
  if (InputFormatOptions !== undefined && InputFormat !== 'CSV') refuse('InputFormatOptions must be given with InputFormat CSV only')
  const { KeySchema, AttributeDefinitions, BillingMode, ProvisionedThroughput } = TableCreationParameters as Json
  checkBilling(BillingMode, ProvisionedThroughput)
  const keys = KeySchema as readonly Json[]
  const types = keys.map(({ KeyType }) => KeyType).join()
  if (types !== 'HASH' && types !== 'HASH,RANGE') refuse('Invalid KeySchema: The first KeySchemaElement is not a HASH key type')
  const named = keys.map(({ AttributeName }) => AttributeName)
  const defined = (AttributeDefinitions as readonly Json[]).map(({ AttributeName }) => AttributeName)
  if (named.some(name => !defined.includes(name)))
    refuse('One or more parameter values were invalid: Some index key attributes are not defined')
  if (defined.some(name => !named.includes(name)))
    refuse('One or more parameter values were invalid: Some AttributeDefinitions are not used')
}

export function checkRestore({ BillingModeOverride, ProvisionedThroughputOverride, UseLatestRestorableTime, RestoreDateTime }: Json): void {
  checkBilling(BillingModeOverride, ProvisionedThroughputOverride)
  if (UseLatestRestorableTime === true && RestoreDateTime !== undefined)
    refuse('Only one of RestoreDateTime and UseLatestRestorableTime must be given')
}

function checkBilling(mode: unknown, throughput: unknown): void {
  if (mode === 'PROVISIONED' && throughput === undefined) refuse('Provisioned throughput must be given when BillingMode is PROVISIONED')
  if (mode === 'PAY_PER_REQUEST' && throughput !== undefined)
    refuse('Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST')
}

export function checkContinuous({ PointInTimeRecoveryEnabled, RecoveryPeriodInDays }: Json): void {
  if (PointInTimeRecoveryEnabled === false && RecoveryPeriodInDays !== undefined)
    refuse('RecoveryPeriodInDays must be given with PointInTimeRecoveryEnabled only')
}
