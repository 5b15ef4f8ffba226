/** The service's rules about requests, and where each comes from. Those about items are in `formats/dynamodb/limits.ts`. */
import type { TargetLimits } from '../../types.ts'

/** Items in one BatchWriteItem. API reference, BatchWriteItem. */
export const maxBatchItems = 25

/** Actions in one TransactWriteItems, and keys in one BatchGetItem. API reference. */
export const maxTransactionItems = 100

/**
 * Operators and functions in one condition, and bytes of its text. "Constraints, Expression parameters". The values and names that stand
 * for placeholders may have 2 MB, which no item fills.
 */
export const maxConditionOperators = 300
export const maxConditionBytes = 4_096

/** Bytes of items as JSON in one request. The service takes 16 MB of body; a single item, all of it escaped, stays below 2.5 million. */
export const maxRequestBytes = 5_000_000

/** Table names: "Naming rules", Amazon DynamoDB Developer Guide. */
export const tableName = /^[a-zA-Z0-9_.-]{3,255}$/

/**
 * A `write` takes what one transaction takes: 100 items of together 4 MB (the rest up to 4,194,304 is for the conditions, which count).
 * Without conditions it is sent as up to four BatchWriteItem calls side by side, so that there are 16 requests under way: more brought
 * nothing on DynamoDB Local.
 */
export const targetLimits: TargetLimits = { batchCount: maxTransactionItems, batchBytes: 4_000_000, inFlight: 4 }
