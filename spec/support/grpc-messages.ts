/** As much of gRPC's framing and of protobuf as a proxy needs, written apart from the code under test. */

/** The messages of one side of a call: each stands behind a byte (0: not compressed) and its length. */
export function messagesOf(bytes: Buffer): Buffer[] {
  const messages: Buffer[] = []
  for (let at = 0; at + 5 <= bytes.length;) {
    const end = at + 5 + bytes.readUInt32BE(at + 1)
    messages.push(bytes.subarray(at + 5, end))
    at = end
  }
  return messages
}

export function lengthPrefixed(message: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

interface Field {
  readonly field: number
  /** With tag and length. */
  readonly bytes: Buffer
  /** Without. */
  readonly content: Buffer
}

/** The fields of a message, all of which have a length. @throws {RangeError} for any other */
export function fieldsOf(message: Buffer): Field[] {
  const fields: Field[] = []
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = message.readUInt8(at++)
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
  }
  while (at < message.length) {
    const start = at
    const tag = varint()
    if ((tag & 7) !== 2) throw new RangeError(`a field of wire type ${tag & 7}`)
    const length = varint()
    const begin = at
    at += length
    fields.push({ field: tag >>> 3, bytes: message.subarray(start, at), content: message.subarray(begin, at) })
  }
  return fields
}

/** What BatchWriteResponse says of one write that failed: an empty result, and a `google.rpc.Status`. */
export function statusMessage(options: {
  readonly resultField: number
  readonly statusField: number
  readonly code: number
  readonly details: string
}): Buffer[] {
  const { resultField, statusField, code, details } = options
  const status = Buffer.concat([Buffer.from([1 * 8, code]), withLength(2, Buffer.from(details))])
  return [withLength(resultField, Buffer.alloc(0)), withLength(statusField, status)]
}

function withLength(field: number, content: Buffer): Buffer {
  const head = [field * 8 + 2]
  let rest = content.length
  for (; rest >= 0x80; rest >>>= 7) head.push((rest & 0x7f) | 0x80)
  return Buffer.concat([Buffer.from([...head, rest]), content])
}
