/** The examples in a file. */
import { decodeEnvelopes, isMap, stringifyJson } from '../values/index.ts'
import type { Document, Value } from '../values/index.ts'
import { asMap, asText } from './draft.ts'
import { messageOf } from './findings.ts'
import type { Findings } from './findings.ts'
import type { PipelineTest } from './pipeline.ts'
import { testSchema } from './sections.ts'
import type { Path } from './tree.ts'

/** A test whose collection may still have to be chosen. */
export interface DraftTest {
  readonly path: Path
  readonly test: Omit<PipelineTest, 'collection'> & { readonly collection?: string }
}

/** @param file as places name it */
export function readTests(value: unknown, findings: Findings, file: string): DraftTest[] {
  if (value === undefined || value === null || findings.isUnknown(['tests'])) return []
  if (!Array.isArray(value)) {
    findings.add(['tests'], 'must be a list of maps with in and out')
    return []
  }
  return value.flatMap((item: unknown, index): DraftTest[] => {
    const path = ['tests', index]
    const wrong = findings.wrongKeys(testSchema, item, path)
    const test = asMap(item)
    if (!test) return []
    const collection = asText(test['collection'])
    const source = asText(test['source'])
    const documents = (key: 'in' | 'out'): Document[] => (wrong.has(key) ? [] : documentsOf(test[key], [...path, key], findings))
    const where = { ...(collection !== undefined && { collection }), ...(source !== undefined && { source }) }
    const name = asText(test['name']) ?? `test ${index + 1}`
    const fails = wrong.has('fails') ? undefined : failsOf(test['fails'])
    return [
      {
        path,
        test: { name, ...where, ...(fails && { fails }), in: documents('in'), out: documents('out'), place: findings.place(file, path) }
      }
    ]
  })
}

function failsOf(value: unknown): true | readonly string[] | undefined {
  return value === undefined || value === true ? value : ([value].flat() as string[])
}

function documentsOf(value: unknown, path: Path, findings: Findings): Document[] {
  if (!Array.isArray(value)) return documentOf(value, path, findings)
  return value.flatMap((item: unknown, index) => documentOf(item, [...path, index], findings))
}

function documentOf(value: unknown, path: Path, findings: Findings): Document[] {
  if (!isMap(value as Value)) {
    findings.add(path, 'must be a document, which is a map with an _id, or a list of them')
    return []
  }
  const id = (value as Document)._id as unknown
  if (typeof id !== 'string' || id === '') {
    const message = id === undefined ? 'is missing: a document has an _id' : 'must be text, and not empty; a number stands in quotes'
    findings.add([...path, '_id'], message)
    return []
  }
  try {
    const document = decodeEnvelopes(value as Value) as Document
    // It refuses what no document can hold: a Date, undefined in a list.
    stringifyJson(document)
    return [document]
  } catch (error) {
    findings.add(path, messageOf(error))
    return []
  }
}
