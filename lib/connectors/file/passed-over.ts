/** What stands in backups of couchbackup and is no document, in words for the end of a run. */
import type { PassedOver } from '../../formats/couchbackup.ts'

export class PassedOverNotes {
  readonly #notes: string[] = []

  /** @returns to be told what was passed over in the backup of a collection */
  add(collection: string): (passed: PassedOver) => void {
    return ({ deleted, conflicts, broken }) => {
      const say = (count: number, one: string, many: string, why: string): void => {
        if (count > 0) this.#notes.push(`${collection}: ${count} ${count === 1 ? one : many} of the backup left out: ${why}`)
      }
      say(deleted, 'deleted document', 'deleted documents', 'what is deleted is no document')
      say(conflicts, 'conflicting revision', 'conflicting revisions', 'the winning revision of each document is taken')
      say(broken, 'broken line', 'broken lines', 'the backup was resumed there, and holds what they began further on')
    }
  }

  notes(): readonly string[] {
    return this.#notes
  }
}
