/** What a run has told and written, in a form in which runs that should come to the same can be compared. */
import { readFile } from 'node:fs/promises'
import type { RunReport } from '../../lib/report.ts'
import type { Document } from '../../lib/types.ts'
import { parseJson } from '../../lib/values/index.ts'

/** What the report of a run tells but for times, places and sizes. */
export function told({ collections, notes, state, receiptRoot }: RunReport) {
  const counts = collections.map(
    ({
      startedAt: _startedAt,
      finishedAt: _finishedAt,
      bytesWritten: _bytesWritten,
      bytesRead: _bytesRead,
      source: _source,
      target: _target,
      // The first of them hang on when the server answers.
      skippedExamples: _skippedExamples,
      failures,
      conversions,
      ...counted
    }) => ({
      ...counted,
      // So does the order of these.
      conversions: conversions.map(each => JSON.stringify(each)).toSorted(),
      failures: failures.map(({ code, count, message }) => `${code} ${count} ${message}`)
    })
  )
  return { counts, notes, state, root: receiptRoot }
}

/** The dead letters of a run, in no order; which mark one stands behind hangs on where pages end. */
export async function lettersOf({ deadLetters }: RunReport): Promise<string[]> {
  const lines = deadLetters === undefined ? [] : (await readFile(deadLetters, 'utf8')).split('\n')
  return lines.map(line => line.replace(/"mark":\d+/, '')).toSorted()
}

/** Of an export, in their order. */
export async function documentsIn(file: string): Promise<Document[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter(line => line !== '')
  return lines.filter(line => !/^\{"\$(?:docferry|collection|end)"/.test(line)).map(line => parseJson(line) as Document)
}
