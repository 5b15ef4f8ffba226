/** Lines of JSON to `Document` messages, without making objects of them. What Firestore may refuse, or hold in another way, goes through `DocumentEncoder`. */
import type { EncodeRules, LineEncoder } from '../../types.ts'
import { documentOverheadBytes, documentSizeRefusal, nameBytes, writeOverheadBytes } from './limits.ts'
import { writeFields } from './message-kernel.ts'
import { storedId } from './names.ts'
import { documentField, entryField, idField, valueField } from './values.ts'
import { WireWriter, type Blocks } from './wire.ts'

export function createLineEncoder(root: string, rules: EncodeRules, blocks?: Blocks): LineEncoder<Buffer> {
  const writer = new WireWriter(blocks)
  return {
    noUnderscores: false,
    wantsObjects: () => true,
    encode(collection, id, line) {
      if (storedId(id, rules) !== id || id.includes('/')) return undefined
      const fields = writeFields(line)
      if (!fields) return undefined
      const name = `${collection}/${id}`
      writer.reset()
      writer.fields(fields.bytes)
      const size = fields.size + writeId(writer, id) + nameBytes(name) + documentOverheadBytes
      if (documentSizeRefusal(size)) return undefined
      writer.textField(documentField.name, `${root}/${name}`)
      const payload = writer.finish()
      return { id, bytes: payload.length + writeOverheadBytes, size, payload }
    }
  }
}

/** @returns what it counts, as Firestore does */
function writeId(writer: WireWriter, id: string): number {
  const before = writer.length
  let size = writer.textField(valueField.string, id) + 1
  writer.messageField(entryField.value, before)
  size += writer.textField(entryField.key, idField) + 1
  writer.messageField(documentField.fields, before)
  return size
}
