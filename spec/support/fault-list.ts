/** What a proxy has seen, and the faults that it is to make of it: the same for every protocol. */

export interface FaultOf<Request, Action> {
  /** Default: every request. */
  readonly match?: (request: Request) => boolean
  /** How many requests it hits before it is used up; default 1. */
  readonly times?: number
  readonly action: Action
}

/** A request that a fault has acted on. */
export interface FaultHit<Request, Action> {
  readonly request: Request
  /** Missing where the proxy went down while the request was under way. */
  readonly action?: Action
}

/** What a spec sees of a proxy. */
export interface FaultRecord<Request, Action> {
  /** The first that matches a request acts. Those that are used up leave the list. */
  readonly faults: FaultOf<Request, Action>[]
  /** All requests so far, oldest first; dropped with `forget`. */
  readonly requests: readonly Request[]
  /** Requests that a fault has acted on, oldest first; dropped with `forget`. */
  readonly hit: readonly FaultHit<Request, Action>[]
  readonly hits: number
  /** Requests that the client itself gave up, though no fault had acted on them; dropped with `forget`. */
  readonly givenUp: readonly Request[]
  count(match?: (request: Request) => boolean): number
  /** Resolves once so many requests have come that match, those of before included. */
  waitFor(match: (request: Request) => boolean, times?: number): Promise<void>
  /** Empties the list of requests and the counts. */
  forget(): void
}

export class FaultList<Request, Action> implements FaultRecord<Request, Action> {
  readonly faults: FaultOf<Request, Action>[] = []
  readonly requests: Request[] = []
  readonly hit: FaultHit<Request, Action>[] = []
  readonly givenUp: Request[] = []
  readonly #underWay = new Set<Request>()
  readonly #used = new Map<FaultOf<Request, Action>, number>()
  readonly #waiting = new Set<() => void>()

  get hits(): number {
    return this.hit.length
  }

  /** Take note of a request. @returns what is to become of it */
  add(request: Request): Action | undefined {
    this.requests.push(request)
    this.#underWay.add(request)
    for (const check of this.#waiting) check()
    const fault = this.faults.find(({ match }) => match === undefined || match(request))
    if (fault === undefined) return undefined
    this.#underWay.delete(request)
    this.hit.push({ request, action: fault.action })
    const used = (this.#used.get(fault) ?? 0) + 1
    this.#used.set(fault, used)
    if (used >= (fault.times ?? 1)) {
      this.faults.splice(this.faults.indexOf(fault), 1)
      this.#used.delete(fault)
    }
    return fault.action
  }

  /** No more is heard of a request, whole or not. */
  end(request: Request, isAnswered: boolean): void {
    if (this.#underWay.delete(request) && !isAnswered) this.givenUp.push(request)
  }

  /** What is under way is cut. */
  cutAll(): void {
    for (const request of this.#underWay) this.hit.push({ request })
    this.#underWay.clear()
  }

  count(match: (request: Request) => boolean = () => true): number {
    return this.requests.filter(match).length
  }

  waitFor(match: (request: Request) => boolean, times = 1): Promise<void> {
    return new Promise(resolve => {
      const check = (): void => {
        if (this.count(match) < times) return
        this.#waiting.delete(check)
        resolve()
      }
      this.#waiting.add(check)
      check()
    })
  }

  forget(): void {
    this.requests.length = 0
    this.hit.length = 0
    this.givenUp.length = 0
  }
}
