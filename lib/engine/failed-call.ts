/** A call of several documents that got no answer, and what its parts tell of it: where all of its documents are taken in the end, the target had failed. */
export class FailedCall {
  readonly #parent: FailedCall | undefined
  readonly #onResolved: (isTargets: boolean) => void
  #open: number
  #isExplained = false

  /** @param onResolved called when each of its documents has its outcome */
  constructor(documents: number, parent: FailedCall | undefined, onResolved: (isTargets: boolean) => void) {
    this.#open = documents
    this.#parent = parent
    this.#onResolved = onResolved
  }

  /** @param documents how many of them have their outcomes now @param isBlamed whether it is one that was given up, which explains the failure */
  settle(documents: number, isBlamed = false): void {
    this.#isExplained ||= isBlamed
    this.#open -= documents
    if (this.#open === 0) this.#onResolved(!this.#isExplained)
    this.#parent?.settle(documents, isBlamed)
  }
}
