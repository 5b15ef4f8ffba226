/**
 * The parts of a pipeline file, each as a JSON Schema: by these a file is checked, and of these the schema for editors is made.
 * What a part holds that is a part itself (`stages`) is left open here.
 */
import { presetNames, presets } from '../config/presets.ts'
import type { JsonSchema } from '../stages/stage-spec.ts'
import { onConflicts, onIncompatibles, onStageErrors, typeModes, undoModes } from '../types.ts'

const name = (description: string): JsonSchema => ({ type: 'string', minLength: 1, description })
const names = (description: string): JsonSchema => ({ type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1, description })
const open = (description: string): JsonSchema => ({ description })
const flag = (description: string): JsonSchema => ({ type: 'boolean', default: false, description })
/** As on the command line. */
const rate = (description: string): JsonSchema => ({
  anyOf: [
    { type: 'number', exclusiveMinimum: 0 },
    { type: 'string', title: 'a rate such as 500/s', pattern: '^(?=.*[1-9])\\d[\\d,]*(?:\\.\\d+)?\\s*/s$' }
  ],
  description,
  examples: [500, '500/s']
})
const word = (words: readonly string[], standard: string, description: string): JsonSchema => ({
  enum: words,
  default: standard,
  description
})

export const addressDescription =
  'Where documents are, as on the command line: couchdb, firestore or dynamodb (configured by the environment), an address such as couchdb://user@host:5984?passwordEnv=NAME or dynamodb://us-east-1, memory:snapshot.json, or the path of a file: backup.ndjson.gz.'

export const addressExamples = [
  'couchdb',
  'dynamodb://us-east-1',
  'firestore',
  'backup.ndjson.gz',
  'memory:snapshot.json',
  '${SOURCE:-couchdb}'
]

export const optionsSchema: JsonSchema = {
  type: 'object',
  description: 'The options of the run. Flags of the command line win over them.',
  additionalProperties: false,
  properties: {
    onConflict: word(onConflicts, 'skip', 'For a document whose id the target holds already: leave it, replace it, or let it fail.'),
    onIncompatible: word(
      onIncompatibles,
      'dead-letter',
      'For ids and field names that the target refuses: a dead letter, written escaped (reversibly), or the end of the run.'
    ),
    types: word(
      typeModes,
      'natural',
      'For values that the target has no type for: natural (numbers stay numbers, else an envelope), exact (also 1.0 apart from 1), plain (no envelopes; loses types).'
    ),
    undo: word(
      undoModes,
      'created',
      'What is kept so that the run can be undone: which documents it made; all: also what it replaced; or nothing.'
    ),
    includeDesign: flag('Take design documents too: those whose id begins with _design/.'),
    attachments: flag('Move the attachments of CouchDB documents too: to another CouchDB, or beside an export.'),
    includeSecurity: flag("Move CouchDB's _security object of each database too."),
    keepMetadata: flag("Keep _rev, _attachments and CouchDB's other own fields as ordinary ones."),
    subcollections: {
      type: 'boolean',
      description:
        "Move documents in Firestore's subcollections, with their path as id: x/runs/y. Default: read, and written where the source is Firestore or an export of it."
    },
    parallel: { type: 'integer', minimum: 1, default: 4, description: 'Slices of collections at once.' },
    workers: {
      anyOf: [{ type: 'integer', minimum: 0, maximum: 64 }, { const: 'auto' }],
      default: 'auto',
      description:
        'Threads between files of lines: a number, 0 for none, or auto: as many as there are cores (at most 4) once some 10 MB went through.'
    },
    maxRate: rate('Most documents a second that are sent to the target.'),
    maxWriteUnits: rate('Most write units a second of a target that is DynamoDB.'),
    maxReadUnits: rate('Most read units a second of a source that is DynamoDB.'),
    maxRetries: { type: 'integer', minimum: 0, description: 'Most tries beyond the first, over the whole run.' },
    maxFailures: {
      anyOf: [
        { type: 'integer', minimum: 0 },
        { type: 'string', title: 'a share such as 1%', pattern: '^(?:100|\\d{1,2})(?:\\.\\d+)?\\s*%$' }
      ],
      description: 'The run stops, resumable, when more documents fail: 100, or "1%" of those read.',
      examples: [100, '1%']
    },
    stateDir: name('The folder where runs keep what they leave behind. Default .docferry, in the working directory.'),
    verify: flag('Compare the target with what was written, once that is done.')
  }
}

/** What every stage may have beside its own key. */
export const stageKeys: Readonly<Record<string, JsonSchema>> = {
  name: name('By this it is counted, and named in errors. Default: the name of the stage.'),
  onError: word(
    onStageErrors,
    'fail',
    'For a document on which the stage fails: the run ends; the document becomes a dead letter, which a retry takes up with this stage; or it is left out.'
  ),
  collections: names('Only for these collections, by their names in the source.'),
  sources: names('Only for documents of these sources, by their names.')
}

export const moduleKeys: Readonly<Record<string, JsonSchema>> = {
  module: name(
    "A stage of one's own: a TypeScript or JavaScript file, relative to this one, and perhaps the name of the export: ./my-stage.ts#mask."
  ),
  options: open("What the module's stage is made with.")
}

export const sourceSchema: JsonSchema = {
  type: 'object',
  description: 'Where documents are read.',
  additionalProperties: false,
  required: ['address'],
  properties: {
    name: name('By this stages and tests name it. Default: its provider.'),
    address: name(addressDescription),
    collections: names('The collections that are taken from it. Default: all.'),
    rename: {
      type: 'object',
      additionalProperties: { type: 'string', minLength: 1 },
      description: 'Collections that have another name for everything behind: from its own name to that one.'
    },
    stages: open('For its documents only, in front of the common stages.')
  }
}

export const targetSchema: JsonSchema = {
  type: 'object',
  description: 'Where documents are written.',
  additionalProperties: false,
  required: ['address'],
  properties: { name: name('What it is called. Default: its provider.'), address: name(addressDescription) }
}

export const collectionSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  properties: {
    name: name('Its name in the source.'),
    as: name('Its name in the target. Default: the same.'),
    stages: open('For its documents only, behind the common stages.')
  }
}

export const testSchema: JsonSchema = {
  type: 'object',
  description: 'What must come out of the stages for what goes in: `docferry test` tries it.',
  additionalProperties: false,
  required: ['in', 'out'],
  properties: {
    name: name('What it shows.'),
    collection: name('Where the documents are. Default: the first collection that is named.'),
    source: name('Which source they come from, by its name. Default, of several: the first that gives the collection.'),
    in: open('A document, or a list of them. Envelopes such as {"$date": ...} stand for typed values, as in exports.'),
    out: open('A document, a list of them, or [] where none comes out.'),
    fails: {
      anyOf: [{ const: true }, { type: 'string', minLength: 1 }, { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1 }],
      description:
        'A stage must fail, so that a document becomes a dead letter or the run ends: the id of the document, as it comes to that stage, a list of ids, or true for any. Without it, no stage may fail.'
    }
  }
}

export const rootSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  patternProperties: { '^x-': open('Anything; a place for anchors.') },
  properties: {
    $schema: { type: 'string', description: 'For editors: the schema of this file.' },
    description: { type: 'string', description: 'What the pipeline is for.' },
    source: open('Where documents are read: an address, or a map.'),
    sources: open('Several sources, which are merged.'),
    target: open('Where documents are written: an address, or a map.'),
    targets: open('Several targets: each document is read once, and written to all.'),
    collections: open('The collections that are taken. Default: all that the source holds.'),
    preset: {
      enum: presetNames,
      description: `Instead of collections, a named set of them: gofannon (${presets.gofannon.join(', ')}).`
    },
    stages: open('What becomes of each document, in order.'),
    options: open('The options of the run.'),
    tests: open('Examples, which `docferry test` runs.')
  }
}
