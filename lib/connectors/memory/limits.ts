/** A process's memory refuses nothing that is a document; batches are as large as is worth a call. */
import type { TargetLimits } from '../../types.ts'

export const memoryLimits: TargetLimits = { batchCount: 1000, batchBytes: 4 << 20, inFlight: 1 }
