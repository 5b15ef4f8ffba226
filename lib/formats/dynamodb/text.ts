/** Text as DynamoDB takes it: UTF-8, so without halves of surrogate pairs. */
import type { ErrorCode } from '../../errors.ts'
import { isWellFormed } from '../../values/index.ts'

/** Thrown inside an encoding, and returned by it as a refusal. */
export class Unwritable extends Error {
  readonly code: ErrorCode
  constructor(code: ErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

/** JSON text of a string; `undefined` for one with half a surrogate pair. */
export function quoted(text: string): string | undefined {
  const json = JSON.stringify(text)
  return json.includes('\\ud') && !isWellFormed(text) ? undefined : json
}

/** JSON text of a string. @throws {Unwritable} for half a surrogate pair */
export function quote(text: string, code: ErrorCode = 'DOCFERRY_BAD_VALUE'): string {
  const json = quoted(text)
  if (json === undefined) throw new Unwritable(code, 'half a surrogate pair: no valid Unicode, which DynamoDB needs')
  return json
}
