/** Stages whose options hold values of documents, in which numbers are of the kinds that documents have: 1.0 apart from 1, integers past 2^53. */
import { numberFromText, stringifyJson, toEnvelope } from '../values/index.ts'

const stages: ReadonlySet<unknown> = new Set(['set', 'default'])

export function holdsDocumentValues(stage: unknown): boolean {
  return stages.has(stage)
}

/**
 * Of a number as JSON has it.
 *
 * @returns JSON that JSON.parse takes for the same: an envelope where it would make another kind of it
 * @throws {SyntaxError} when it can't stand in a document
 */
export function asDocumentValue(text: string): string {
  const value = numberFromText(text)
  return typeof value === 'number' ? text : stringifyJson(toEnvelope(value), { bareMaps: true })
}
