import { resolve } from 'node:path'
import type { Json, Stage } from '../types.ts'
import type { Document, Value } from '../values/index.ts'
import { configError } from './config-error.ts'
import { Deltas } from './deltas.ts'
import { querySchema } from './filter.ts'
import { every, parsePath, valueAt, valuesAt } from './field-path.ts'
import type { FieldPath } from './field-path.ts'
import { pathSchema } from './path-schema.ts'
import { compileQuery } from './query/index.ts'
import type { QueryOptions } from './query/index.ts'
import { names } from './short-forms.ts'
import type { StageMaking, StageSpec } from './stage-spec.ts'
import { AsideFiles } from './tap/aside-files.ts'
import type { Existing } from './tap/aside-files.ts'
import { fillIn, targetPlaceholder } from './tap/file-name.ts'
import { ValueCounts } from './tap/value-counts.ts'
import { formatCount } from '../values/format-count.ts'

export interface TapOptions {
  /** Paths: how often each value stands there. */
  readonly count?: readonly string[]
  /** Only documents that match are looked at. */
  readonly where?: QueryOptions
  /** NDJSON; `{collection}` in it stands for the name of the collection, `{target}` for that of the pipeline's target. */
  readonly file?: string
  /** What happens where the file exists when a run begins. Default `refuse`. */
  readonly existing?: Existing
}

const documentsName = ''

/**
 * Look at documents without changing them: count, and write aside.
 *
 * @throws {DocferryError} DOCFERRY_CONFIG for what is no path or no query
 */
export function tap({ count = [], where, file, existing = 'refuse' }: TapOptions, making: Pick<StageMaking, 'folder' | 'target'>): Stage {
  if (count.length === 0 && file === undefined && where === undefined) throw configError('say what to do: count, where, file')
  const matches = where && compileQuery(where, 'where.')
  const counts = count.map(text => new ValueCounts(text))
  const paths = count.map(parsePath)
  const files = file === undefined ? undefined : new AsideFiles(placeOf(file, making), existing)
  const deltas = new Deltas()
  let documents = 0
  return {
    name: 'tap',
    mayRepeatIds: false,
    changesInPlace: false,
    passesAll: true,
    check: run => files?.check(run),
    open: run => files?.open(run),
    apply(document, { collection, partition }) {
      if (matches && !matches(document)) return document
      documents++
      deltas.add(partition, documentsName)
      for (const [index, path] of paths.entries()) {
        for (const value of countedAt(document, path)) deltas.add(partition, `${index}:${counts[index]!.add(value)}`)
      }
      files?.write(collection, document)
      return document
    },
    state: {
      take(partition) {
        // What is acknowledged must not be missing aside.
        files?.flush()
        return deltas.take(partition)
      },
      restore(piece: Json) {
        for (const [name, added] of piece as [string, number][]) {
          if (name === documentsName) documents += added
          else counts[parseInt(name, 10)]?.addNamed(name.slice(name.indexOf(':') + 1), added)
        }
      }
    },
    notes: () => [
      `${formatCount(documents)} ${documents === 1 ? 'document' : 'documents'}${where ? ' matched' : ''}${files?.describe() ?? ''}`,
      ...(files?.notes() ?? []),
      ...counts.map(each => each.describe())
    ],
    close: () => files?.close()
  }
}

function placeOf(file: string, { folder, target }: Pick<StageMaking, 'folder' | 'target'>): string {
  if (target === undefined && file.includes(targetPlaceholder))
    throw configError('file: {target} stands for the name of the target in a pipeline, and there is none here')
  return resolve(folder, fillIn(file, targetPlaceholder, target ?? ''))
}

function countedAt(document: Document, path: FieldPath): readonly (Value | undefined)[] {
  if (!path.includes(every)) return [valueAt(document, path)]
  const values = [...valuesAt(document, path)]
  return values.length > 0 ? values : [undefined]
}

export const tapStage: StageSpec<readonly string[] | TapOptions> = {
  name: 'tap',
  summary: 'count documents by their values, or write them aside, without changing them',
  description: `Counts are told when the run ends. Of values only short texts, numbers, true, false and null are shown, the first 50 different ones of each field, and none of a field whose name looks like that of a secret; all others are counted by what they are.

\`file\` gets each document as a line of JSON, as an export to a file does, readable by its owner only; it is not written in a dry run. What a target has acknowledged is always in it. A run that was killed and is gone on with, or whose dead letters are retried, adds to it, and documents that were on their way then may stand in it twice. Its own is the very file that it has made, known by its inode and by what it wrote first: with any other that stands there by then, such as a copy that was moved back, \`existing\` says what happens, as when a run begins. A last line that has no end and is no JSON is taken for a piece of its own, and cut off. It is never a file that the run or its pipeline is read from, nor one that the run writes. Each target of a pipeline has stages of its own, so that each writes its own file.`,
  schema: {
    anyOf: [
      { type: 'array', minItems: 1, items: pathSchema('A path.'), description: 'How often each value stands in these fields.' },
      {
        type: 'object',
        minProperties: 1,
        additionalProperties: false,
        properties: {
          count: { type: 'array', minItems: 1, items: pathSchema('A path.'), description: 'How often each value stands in these fields.' },
          where: { ...querySchema, description: 'Look only at documents that match this query (see the stage filter). Default: all.' },
          file: {
            type: 'string',
            minLength: 1,
            description:
              'An NDJSON file for the documents, relative to the pipeline. `{collection}` in its name gives each collection its own, `{target}` each target of a pipeline.'
          },
          existing: {
            enum: ['refuse', 'append', 'overwrite'],
            default: 'refuse',
            description:
              'What happens where the file exists when a run begins. Default: refuse. A run that is gone on with adds to the file that it has made.'
          }
        },
        dependentRequired: { existing: ['file'] }
      }
    ]
  },
  examples: [
    {
      title: 'how many of each status, counted when the run ends',
      options: ['status'],
      in: [
        { _id: '1', status: 'open' },
        { _id: '2', status: 'closed' }
      ],
      out: [
        { _id: '1', status: 'open' },
        { _id: '2', status: 'closed' }
      ]
    },
    {
      title: 'how many have no owner',
      options: { where: { owner: { $exists: false } } },
      in: [{ _id: '1', owner: 'u1' }, { _id: '2' }],
      out: [{ _id: '1', owner: 'u1' }, { _id: '2' }]
    }
  ],
  short: { usage: 'tap:field,field', parse: names },
  make: (options, making) => tap(Array.isArray(options) ? { count: options } : (options as TapOptions), making)
}
