/** What a user should know of a file that was read, in words for the end of a run. */
import type { PassedOver } from '../../formats/couchbackup.ts'
import { listNames } from '../../report.ts'
import { plural } from '../../values/format-count.ts'

export class InputNotes {
  readonly #notes = new Set<string>()
  readonly #unchecked = new Set<string>()

  /** @returns to be told what was passed over in couchbackup's backup of a collection */
  passedOver(collection: string): (passed: PassedOver, isPartial: boolean) => void {
    return ({ deleted, conflicts, older, repeated, broken }, isPartial) => {
      const say = (count: number, one: string, many: string, why: string): void => {
        if (count > 0) this.#notes.add(`${collection}: ${plural(count, one, many)} of the backup left out: ${why}`)
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

  /** An NDJSON file without a line is a collection without documents, and so is a backup that failed. @param file in words */
  empty(file: string): () => void {
    return () =>
      void this.#notes.add(`${file} is empty: as NDJSON that is a collection without documents; if it should hold some, get the file again`)
  }

  /** A name was given to documents that have one. @param file in words */
  nameUnused(collection: string, file: string): void {
    this.#notes.add(
      `${file} says itself to which collections its documents belong: the name ${JSON.stringify(collection)} is given to none (--rename does that)`
    )
  }

  /** To be told of a collection whose documents could not be compared with what the file says of them. */
  readonly onUnchecked = (collection: string): void => {
    this.#unchecked.add(collection)
  }

  notes(): readonly string[] {
    if (this.#unchecked.size === 0) return [...this.#notes]
    const why = 'lines of it are broken, and the run was gone on with'
    return [
      ...this.#notes,
      `${listNames([...this.#unchecked], 10)}: whether the other documents are those that were exported could not be checked, for ${why}`
    ]
  }
}
