/** What a single file and a folder do alike. */
import { DocferryError } from '../../errors.ts'
import type { DocumentLine, ExportState } from '../../formats/export-writer.ts'
import type { Document, Encoded, EncodeRules, Logger, OnConversion, OpenContext, Refusal, SuspendedOutput } from '../../types.ts'
import { isOrdinary, parseJson, plainDocument, stringifyJson } from '../../values/index.ts'

export interface FileContext {
  readonly logger: Logger
  readonly rules: EncodeRules
  readonly resume?: SuspendedOutput | undefined
  readonly attachments?: OpenContext['attachments']
}

/** Where a file stands that is not finished. */
export interface SuspendedFile extends SuspendedOutput {
  readonly partial: string
  readonly inode: string
  readonly bytes: number
  readonly state: ExportState
}

/** Turn a document into its line. A file holds every name, every text and every digit: only values that JSON has no type for are converted. */
export function encodeLine(written: Document, { types }: EncodeRules, onConversion?: OnConversion): Encoded<DocumentLine> | Refusal {
  try {
    const plain = types === 'plain'
    const document = plain && !isOrdinary(written) ? plainDocument(written, { onConversion }) : written
    let hasLookAlike = false
    const tell: OnConversion = (kind, conversion, path) => {
      hasLookAlike ||= plain && kind === 'map'
      onConversion?.(kind, conversion, path)
    }
    const line = stringifyJson(document, { bareMaps: plain, onConversion: tell })
    return {
      id: document._id,
      bytes: Buffer.byteLength(line) + 1,
      payload: { document: hasLookAlike ? (parseJson(line) as Document) : document, line }
    }
  } catch (error) {
    if (error instanceof DocferryError) return { code: error.code, message: error.message }
    throw error
  }
}

/** See `Target.readBack`. */
export function readLine(document: Document, rules: EncodeRules, { kinds = false } = {}): Document {
  if (rules.types !== 'plain' && !kinds) return document
  const encoded = encodeLine(document, rules)
  return 'code' in encoded ? document : (parseJson(encoded.payload.line) as Document)
}

/** Counts the documents whose id may stand in an output more than once, and says so in the end. */
export function repeatWarner(logger: Logger, path: string): { add(count: number): void; tell(): void } {
  let repeats = 0
  return {
    add: count => void (repeats += count),
    tell() {
      if (repeats === 0) return
      logger.warn(
        { path, documents: repeats },
        `up to ${repeats} documents have an id that came before; the output holds them all, and importing it keeps one of each`
      )
    }
  }
}
