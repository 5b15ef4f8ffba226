/** What a replication left to be told, in lines: what was refused, lacks, differs, conflicts, or was asked for and is not there. */
import { isComplete } from '../replicate/report.ts'
import type { ReplicatedCollection, ReplicateReport } from '../replicate/report.ts'
import { formatCount, indentedLines, plural, safe } from './text.ts'
import type { View } from './text.ts'
import { verifySummary } from './verify-view.ts'

/** @param isOneOfSeveral otherwise the error that ends the command says why it failed */
export function troubleLines(collection: ReplicatedCollection, view: View, isOneOfSeveral: boolean): string[] {
  const { columns = Infinity } = view
  const { source, message, revisions, onlyInTarget, verified, counts } = collection
  const examples = revisions && revisions.missing > 0 ? ` in ${someOf(revisions.examples)}` : ''
  return [
    ...(message === undefined || !isOneOfSeveral ? [] : indentedLines(safe(`${source}: ${message}`), '- ', columns)),
    ...(counts.writeFailures > 0
      ? indentedLines(
          isComplete(collection)
            ? `${safe(source)}: the target has refused ${plural(counts.writeFailures, 'document')} since this replication first ran, and lacks none now`
            : `${safe(source)}: the target refused ${plural(counts.writeFailures, 'document')}; CouchDB does not tell which, nor tries again: a validation function, the size, or what the user may write there`,
          '- ',
          columns
        )
      : []),
    ...(examples === ''
      ? []
      : indentedLines(
          `${safe(source)}: the target lacks ${plural(revisions!.missing, 'revision')}${examples}; if the source was written to meanwhile, the same command brings them`,
          '- ',
          columns
        )),
    ...(onlyInTarget && onlyInTarget.undeleted > 0
      ? indentedLines(
          `${safe(source)}: the target serves ${plural(onlyInTarget.undeleted, 'document')} that the source has deleted: ${someOf(onlyInTarget.undeletedExamples)}; a revision that only the target has wins over the deletion`,
          '- ',
          columns
        )
      : []),
    ...(verified && verified.state !== 'equal' ? [`${safe(source)}, compared:`, ...verifySummary(verified, view), ''] : [])
  ]
}

/** What was asked for and is not there: neither side holds it, so nothing else would tell. */
export function unmatched({ unknownIds, filter, mode, collections }: Readonly<ReplicateReport>): string[] {
  const later = mode === 'continuous' ? '; what comes later is replicated' : ''
  if (unknownIds) {
    const examples = someOf(unknownIds.examples)
    return [`the source holds neither a document nor a deletion of ${plural(unknownIds.count, 'id')} that you named: ${examples}${later}`]
  }
  const without = filter === 'selector' ? collections.filter(({ revisions }) => revisions?.documents === 0) : []
  return without.length === 0 ? [] : [`the selector fits no document of ${without.map(each => each.source).join(', ')}${later}`]
}

const mostExamples = 5

function someOf(ids: readonly string[]): string {
  return `${ids.slice(0, mostExamples).map(safe).join(', ')}${ids.length > mostExamples ? ' ...' : ''}`
}

/** Conflicts are no difference, and nothing else would tell of them. */
function conflictLines(collections: readonly ReplicatedCollection[], columns: number): string[] {
  return collections.flatMap(({ source, onlyInTarget: own }) => {
    if (!own || own.documents === 0) return []
    const served = own.served > 0 ? `; of ${formatCount(own.served)} the target serves its own revision` : ''
    const text = `${safe(source)}: in ${plural(own.documents, 'document')} the target has ${plural(own.revisions, 'revision')} that the source has not, as conflicts, open or resolved: ${someOf(own.examples)}${served}`
    return indentedLines(text, '- ', columns)
  })
}

export function revisionLines({ collections }: Readonly<ReplicateReport>, columns: number): string[] {
  const compared = collections.filter(({ revisions }) => revisions !== undefined)
  const { deleted, branched } = compared.reduce(
    (all, { revisions }) => ({ deleted: all.deleted + revisions!.deleted, branched: all.branched + revisions!.branched }),
    { deleted: 0, branched: 0 }
  )
  if (deleted + branched === 0) return conflictLines(compared, columns)
  const parts = [
    deleted > 0 ? plural(deleted, 'deletion') : '',
    branched > 0 ? `${plural(branched, 'document')} with conflicts, open or resolved` : ''
  ]
  return [
    ...indentedLines(`among the revisions that were compared: ${parts.filter(part => part !== '').join(', ')}`, '- ', columns),
    ...conflictLines(compared, columns)
  ]
}
