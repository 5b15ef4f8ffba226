import { DocferryError } from '../../errors.ts'
import { defaultRules, type Encoded, type EncodeRules, type OnConversion, type Refusal } from '../../types.ts'
import type { Document } from '../../values/index.ts'
import { FieldWriter, Unfit } from './field-writer.ts'
import { documentOverheadBytes, documentSizeRefusal, maxNameBytes, nameBytes, writeOverheadBytes } from './limits.ts'
import { longestMovingName, storedId } from './names.ts'
import { documentField, idField } from './values.ts'
import { WireWriter, type Blocks } from './wire.ts'

/** Turns documents into `Document` messages for one database. */
export class DocumentEncoder {
  readonly #root: string
  readonly #rules: EncodeRules
  readonly #writer: WireWriter
  readonly #fields: FieldWriter

  /** @param root `projects/p/databases/d/documents` */
  constructor(root: string, rules: EncodeRules = defaultRules, blocks?: Blocks) {
    this.#root = root
    this.#rules = rules
    this.#writer = new WireWriter(blocks)
    this.#fields = new FieldWriter(this.#writer, root, rules)
  }

  /** The document's message, or why Firestore would refuse the document. A conversion's path can be asked for only while it is told of. */
  encode(collection: string, document: Document, onConversion?: OnConversion): Encoded<Buffer> | Refusal {
    const stored = storedId(document[idField], this.#rules)
    if (typeof stored !== 'string') return stored
    const name = `${collection}/${stored}`
    try {
      return this.#rules.escapeNames
        ? this.#movingNames(name, stored, document, onConversion)
        : this.#write(name, stored, document, onConversion)
    } catch (error) {
      if (error instanceof Unfit) return error.refusal
      if (error instanceof DocferryError) return { code: error.code, message: error.message }
      throw error
    }
  }

  /** A path of names that is too long shows when it is written; the document is then written again, and only what holds is told. */
  #movingNames(name: string, stored: string, document: Document, onConversion?: OnConversion): Encoded<Buffer> | Refusal {
    const told: Parameters<OnConversion>[] = []
    const tell: OnConversion = (kind, conversion, path) => {
      const text = path()
      told.push([kind, conversion, () => text])
    }
    const written = (longestName?: number): Encoded<Buffer> | Refusal =>
      this.#write(name, stored, document, onConversion && tell, longestName)
    let encoded: Encoded<Buffer> | Refusal
    try {
      encoded = written()
    } catch (error) {
      if (!(error instanceof Unfit && error.isPathTooLong)) throw error
      told.length = 0
      encoded = written(longestMovingName)
    }
    for (const conversion of told) onConversion?.(...conversion)
    return encoded
  }

  /** @throws {Unfit | DocferryError} */
  #write(
    name: string,
    stored: string,
    document: Document,
    onConversion?: OnConversion,
    longestName = maxNameBytes
  ): Encoded<Buffer> | Refusal {
    const writer = this.#writer
    writer.reset()
    const size = this.#fields.write(document, stored, { size: nameBytes(name) + documentOverheadBytes, onConversion, longestName })
    const tooLarge = documentSizeRefusal(size)
    if (tooLarge !== undefined) return tooLarge
    writer.textField(documentField.name, `${this.#root}/${name}`)
    const payload = writer.finish()
    return { id: document[idField], bytes: payload.length + writeOverheadBytes, size, payload }
  }
}
