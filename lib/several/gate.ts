/** Where those who go the same way, step by step, wait for each other. */
export class Gate {
  readonly #members: Set<number>
  readonly #meetings = new Map<number, Meeting>()

  constructor(members: Iterable<number>) {
    this.#members = new Set(members)
  }

  /**
   * Wait at a step until all who have not left are there.
   *
   * @returns how many others there were
   * @throws the signal's reason, soon after it aborts
   */
  async meet(step: number, member: number, signal?: AbortSignal): Promise<{ readonly others: number }> {
    signal?.throwIfAborted()
    const meeting = this.#meetings.get(step) ?? new Meeting()
    this.#meetings.set(step, meeting)
    meeting.here.add(member)
    this.#check(step, meeting)
    if (!signal) return await meeting.complete
    let onAbort = (): void => undefined
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => {
        meeting.here.delete(member)
        reject(signal.reason as Error)
      }
      signal.addEventListener('abort', onAbort, { once: true })
    })
    try {
      return await Promise.race([meeting.complete, aborted])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  leave(member: number): void {
    if (!this.#members.delete(member)) return
    for (const [step, meeting] of this.#meetings) {
      meeting.here.delete(member)
      this.#check(step, meeting)
    }
  }

  #check(step: number, { here, release }: Meeting): void {
    if (here.size === 0 || here.size < this.#members.size) return
    this.#meetings.delete(step)
    release()
  }
}

class Meeting {
  readonly here = new Set<number>()
  readonly complete: Promise<{ readonly others: number }>
  release = (): void => undefined

  constructor() {
    this.complete = new Promise(resolve => (this.release = () => resolve({ others: this.here.size - 1 })))
  }
}
