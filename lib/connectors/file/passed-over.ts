/** What stands in backups of couchbackup and is no document, in words for the end of a run. */
import type { PassedOver } from '../../formats/couchbackup.ts'

export class PassedOverNotes {
  readonly #notes = new Set<string>()

  /** @returns to be told what was passed over in the backup of a collection */
  add(collection: string): (passed: PassedOver, isPartial: boolean) => void {
    return ({ deleted, conflicts, older, repeated, broken }, isPartial) => {
      const say = (count: number, one: string, many: string, why: string): void => {
        if (count > 0) this.#notes.add(`${collection}: ${count} ${count === 1 ? one : many} of the backup left out: ${why}`)
      }
      say(deleted, 'deleted document', 'deleted documents', 'what is deleted is no document')
      say(conflicts, 'conflicting revision', 'conflicting revisions', 'the winning revision of each document is taken')
      say(older, 'older revision', 'older revisions', 'another batch holds the one that is taken')
      if (repeated > 0)
        this.#notes.add(
          `${collection}: ${repeated} ${repeated === 1 ? 'document stands' : 'documents stand'} in several batches of the backup, and an older or deleted one may have been taken: ` +
            'a stream is read once. Store the backup in a file and read that'
        )
      if (isPartial)
        this.#notes.add(
          `${collection}: too many documents stand in several batches of the backup to look at all: of some, an older one may have been taken`
        )
      say(broken, 'broken line', 'broken lines', 'the backup was resumed there, and holds what they began further on')
    }
  }

  notes(): readonly string[] {
    return [...this.#notes]
  }
}
