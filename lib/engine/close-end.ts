import { DocferryError } from '../errors.ts'
import { isSavedAtEnd } from '../report.ts'
import type { Logger, Source } from '../types.ts'
import { withinTime } from './within-time.ts'

/** How long an end may take to close; what is open then, the process's end closes. */
const closeMs = 5_000

/** A client that hangs while it closes (nodejs-firestore #1827) must not hold up what is over. A file has to be let finish. */
export async function closeEnd(end: Pick<Source, 'location' | 'close'>, logger: Logger): Promise<void> {
  const { provider, address } = end.location
  if (isSavedAtEnd(end.location)) return await end.close()
  const hangs = new DocferryError('DOCFERRY_CONNECT', `${provider} (${address}) does not close its connections; they are left`, {
    provider
  })
  try {
    await withinTime(() => end.close(), { ms: closeMs, late: () => hangs })
  } catch (error) {
    if (error !== hangs) throw error
    logger.warn({ provider }, hangs.message)
  }
}
