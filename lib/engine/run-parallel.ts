/**
 * Run tasks, up to `limit` at once, in order of their start. The first error is thrown once the tasks under way have settled; no
 * further task is started after it.
 */
export async function runParallel<T>(items: Iterable<T>, limit: number, work: (item: T) => Promise<void>): Promise<void> {
  const iterator = items[Symbol.iterator]()
  let failed = false
  const worker = async (): Promise<void> => {
    for (;;) {
      if (failed) return
      const { done, value } = iterator.next()
      if (done) return
      try {
        await work(value)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  const settled = await Promise.allSettled(Array.from({ length: limit }, worker))
  for (const result of settled) if (result.status === 'rejected') throw result.reason
}
