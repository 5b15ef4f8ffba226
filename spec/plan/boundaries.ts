/** The limits of every database, on both sides, and the table that tells who says what. */
import type { Boundary, PlanWord, ServerWord } from './support/boundary.ts'
import { couchdbBoundaries } from './support/couchdb-boundaries.ts'
import { dynamodbBoundaries } from './support/dynamodb-boundaries.ts'
import { firestoreBoundaries } from './support/firestore-boundaries.ts'

export const boundaries: readonly Boundary[] = [...dynamodbBoundaries, ...firestoreBoundaries, ...couchdbBoundaries]

export const providerTitles: Readonly<Record<Boundary['provider'], string>> = {
  dynamodb: 'DynamoDB',
  firestore: 'Firestore',
  couchdb: 'CouchDB',
  pouchdb: 'PouchDB'
}

/** What both said of one side of a limit. */
export interface Answer {
  readonly boundary: Boundary
  readonly side: 'at' | 'beyond'
  readonly plan: PlanWord
  readonly server: ServerWord
}

/** The table as Markdown: of limits that nobody was asked about only the sides are told. */
export function boundaryTable(answers: readonly Answer[]): string {
  const lines = boundaries.map(boundary => {
    const said = (side: Answer['side']): string[] => {
      const answer = answers.find(one => one.boundary === boundary && one.side === side)
      return [boundary[side].what, answer?.plan ?? '', answer?.server ?? '']
    }
    const { provider, limit, laxer, source } = boundary
    const note = laxer === undefined ? source : `the emulator is laxer: ${laxer}; ${source}`
    return [`${providerTitles[provider]}: ${limit}`, ...said('at'), ...said('beyond'), note]
  })
  const heading = ['limit', 'at it', 'plan', 'server', 'beyond it', 'plan', 'server', 'note']
  return [heading, heading.map(() => '---'), ...lines].map(cells => `| ${cells.map(escapeCell).join(' | ')} |`).join('\n')
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|')
}
