/** What a single file and a folder do alike. */
import { DocferryError } from '../../errors.ts'
import { toItem, writtenDocument } from '../../formats/dynamodb/items.ts'
import { keyToWrite } from '../../formats/dynamodb/key-option.ts'
import { isDocumentKey } from '../../formats/dynamodb/keys.ts'
import { digestDocumentLines, documentLine, lineDigests, ordinaryDocumentLine } from '../../formats/document-lines.ts'
import type { DocumentLine } from '../../formats/document-lines.ts'
import { stateOfParts } from '../../formats/export-books.ts'
import type { CollectionState, ExportHead, ExportState } from '../../formats/export-books.ts'
import { bytesOf, lineText } from '../../formats/line-bytes.ts'
import type { Document, Encoded, EncodeRules, OnConversion, OpenContext, Refusal, SuspendedOutput, Target } from '../../types.ts'
import { isOrdinary, parseJson, plainDocument, stringifyJson } from '../../values/index.ts'
import { keyOption } from './options.ts'
import type { FileOptions } from './options.ts'

export interface FileContext {
  readonly rules: EncodeRules
  readonly resume?: SuspendedOutput | undefined
  readonly run?: string | undefined
  readonly attachments?: OpenContext['attachments']
}

/** Where a file stands that is not finished. */
export interface SuspendedFile extends SuspendedOutput {
  readonly partial: string
  readonly inode: string
  readonly bytes: number
  /** All of it where an older docferry began, which kept the collections with it. */
  readonly state: ExportHead | ExportState
  readonly collections?: Readonly<Record<string, CollectionState>>
}

export function exportStateOf({ state, collections = {} }: SuspendedFile): ExportState {
  return 'collections' in state ? state : stateOfParts(state, Object.values(collections))
}

/** How documents become lines: of ordinary JSON, or of DynamoDB's. */
export type LineCodec = Pick<Target<DocumentLine>, 'encode' | 'readBack' | 'keepsKinds' | 'digests' | 'digestAll'>

export function lineCodec(options: FileOptions, rules: EncodeRules): LineCodec {
  return options.format === 'dynamodb-json' ? itemCodec(options, rules) : jsonCodec(rules)
}

function jsonCodec(rules: EncodeRules): LineCodec {
  return {
    encode: (_, document, onConversion) => encodeLine(document, rules, onConversion),
    readBack: (_, document, options) => readLine(document, rules, options),
    keepsKinds: true,
    digests: ({ payload }) => lineDigests(payload),
    digestAll: encoded => digestDocumentLines(encoded.map(({ payload }) => payload))
  }
}

/** Exactly the items that a DynamoDB table with this key would be sent. */
function itemCodec(options: FileOptions, rules: EncodeRules): LineCodec {
  const key = keyToWrite(keyOption(options))
  return {
    encode(_, document, onConversion) {
      const item = toItem(key, document, rules, onConversion)
      if ('code' in item) return item
      const payload = documentLine(document, `{"Item":${item.json}}`)
      return { id: item.id, bytes: bytesOf(payload.line), size: item.bytes, payload }
    },
    readBack: (_, document, { kinds = false } = {}) =>
      rules.types !== 'plain' && !kinds && isDocumentKey(key) ? document : writtenDocument(key, document, rules),
    keepsKinds: rules.types === 'exact'
  }
}

/** Turn a document into its line. A file holds every name, every text and every digit: only values that JSON has no type for are converted. */
export function encodeLine(written: Document, { types }: EncodeRules, onConversion?: OnConversion): Encoded<DocumentLine> | Refusal {
  try {
    const ordinary = ordinaryDocumentLine(written)
    if (ordinary) return { id: written._id, bytes: bytesOf(ordinary.line), payload: ordinary }
    const plain = types === 'plain'
    const document = plain && !isOrdinary(written) ? plainDocument(written, { onConversion }) : written
    let hasLookAlike = false
    const tell: OnConversion = (kind, conversion, path) => {
      hasLookAlike ||= plain && kind === 'map'
      onConversion?.(kind, conversion, path)
    }
    const text = stringifyJson(document, { bareMaps: plain, onConversion: tell })
    const payload = documentLine(hasLookAlike ? (parseJson(text) as Document) : document, text)
    return { id: document._id, bytes: bytesOf(payload.line), payload }
  } catch (error) {
    if (error instanceof DocferryError) return { code: error.code, message: error.message }
    throw error
  }
}

/** See `Target.readBack`. */
function readLine(document: Document, rules: EncodeRules, { kinds = false } = {}): Document {
  if (rules.types !== 'plain' && !kinds) return document
  const encoded = encodeLine(document, rules)
  return 'code' in encoded ? document : (parseJson(lineText(encoded.payload.line)) as Document)
}
