/** Two collections that differ in exactly what is planted. */
import { Double } from '../../lib/values/index.ts'
import type { Document } from '../../lib/values/index.ts'
import type { Difference } from '../../lib/verify/report.ts'

export interface Planted {
  /** Kind, id, and the paths that differ. */
  readonly planted: readonly (readonly string[])[]
  source(): Generator<Document>
  target(): Generator<Document>
}

/** @param count of the source; at least 10 */
export function plantErrors(count: number): Planted {
  const at = (share: number): number => Math.floor(count * share)
  const [missing, changed, integer, twice, first, second] = [0.13, 0.29, 0.41, 0.57, 0.71, 0.83].map(at) as [
    number,
    number,
    number,
    number,
    number,
    number
  ]
  return {
    planted: [
      ['missing', idOf(missing)],
      ['extra', 'document-extra'],
      ['different', idOf(changed), 'text'],
      ['different', idOf(integer), 'cost'],
      ['different', idOf(first), 'number', 'deep.list[1].number'],
      ['different', idOf(second), 'number', 'deep.list[1].number'],
      ['repeated', idOf(twice)]
    ],
    *source() {
      for (let number = 0; number < count; number++) yield documentOf(number)
    },
    *target() {
      yield { ...documentOf(0), _id: 'document-extra' }
      for (let number = 0; number < count; number++) {
        const document = documentOf(number)
        if (number === missing) continue
        if (number === changed) yield { ...document, text: (document['text'] as string).replace('e', 'f') }
        else if (number === integer) yield { ...document, cost: 1 }
        else if (number === first) yield { ...documentOf(second), _id: idOf(first) }
        else if (number === second) yield { ...documentOf(first), _id: idOf(second) }
        else yield document
        if (number === twice) yield document
      }
    }
  }
}

/** One line of the list of differences, as its planted one with spaces between. */
export function tellDifference(line: string): string {
  const { kind, id, paths = [] } = JSON.parse(line) as Difference
  return [kind, id, ...paths].join(' ')
}

function idOf(number: number): string {
  return `document-${String(number).padStart(8, '0')}`
}

function documentOf(number: number): Document {
  const text = 'the same text in each document, of which one byte may be another'
  return { _id: idOf(number), number, cost: new Double(1), text, deep: { list: ['a', { number, flag: number % 2 === 0 }], none: null } }
}
