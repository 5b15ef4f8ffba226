/** What a run would do, found out by the same path as the run's, without writing. */
import { DocferryError } from './errors.ts'
import { defaultPrices } from './plan/prices.ts'
import type { PriceTable } from './plan/prices.ts'
import { makePlan } from './plan/plan.ts'
import type { Plan } from './plan/plan.ts'
import { migrate } from './run.ts'
import type { MigrateOptions } from './options.ts'

export interface PlanMigrationOptions extends Omit<MigrateOptions, 'dryRun' | 'plan'> {
  /** Documents a second that the estimate of time reckons with. Default 1,000. */
  readonly perSecond?: number
  readonly prices?: PriceTable
}

/**
 * Read and check everything (or a sample of it), write nothing.
 *
 * @returns plain JSON without contents of documents: it may be kept, and given to `migrate({ plan })`, which then refuses other options
 * @throws {DocferryError} as `migrate`
 */
export async function planMigration(options: PlanMigrationOptions): Promise<Plan> {
  const { perSecond, prices = defaultPrices, ...rest } = options
  if (perSecond !== undefined && !(perSecond > 0 && perSecond < Infinity))
    throw new DocferryError('DOCFERRY_CONFIG', 'perSecond: a number of documents a second is wanted, over 0')
  const report = await migrate({ ...rest, dryRun: true })
  return makePlan(report, rest, { perSecond, prices })
}
