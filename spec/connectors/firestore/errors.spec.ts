import { expect } from 'chai'
import { DocferryError } from '../../../lib/errors.ts'
import type { CallContext } from '../../../lib/connectors/firestore/errors.ts'
import { callError, isGrpcError, isRefusal, writeFailure } from '../../../lib/connectors/firestore/errors.ts'

function grpcError(code: number, details = 'because'): Error & { code: number; details: string } {
  return Object.assign(new Error(`${code} ${details}`), { code, details, request: { private_key: 'secret' } })
}

function called(code: number, action: CallContext['action'] = 'write'): DocferryError {
  const error = callError(grpcError(code), { action, address: 'project p', collection: 'agents' })
  expect(error).to.be.instanceOf(DocferryError)
  return error as DocferryError
}

describe('firestore: errors', () => {
  it('retries what may pass', () => {
    for (const code of [1, 2, 4, 8, 10, 13, 14]) expect(called(code).retryable, String(code)).to.equal(true)
    for (const code of [3, 5, 6, 7, 9, 11, 12, 15, 16]) expect(called(code).retryable, String(code)).to.equal(false)
  })

  it('names what a person can do something about', () => {
    expect(called(16).code).to.equal('DOCFERRY_AUTH')
    expect(called(7).code).to.equal('DOCFERRY_PERMISSION')
    expect(called(14).code).to.equal('DOCFERRY_CONNECT')
    expect(called(4).code).to.equal('DOCFERRY_CONNECT')
    expect(called(8).code).to.equal('DOCFERRY_THROTTLED')
    expect(called(8, 'read').code).to.equal('DOCFERRY_READ')
    expect(called(5, 'open').code).to.equal('DOCFERRY_CONNECT')
    expect(called(5, 'read').code).to.equal('DOCFERRY_READ')
  })

  it('blames no source for a target that is asked for documents', () => {
    for (const code of [3, 5, 9, 13]) expect(called(code, 'look up documents of').code, String(code)).to.equal('DOCFERRY_TARGET')
    for (const code of [8, 10]) expect(called(code, 'look up documents of').code, String(code)).to.equal('DOCFERRY_THROTTLED')
  })

  it('keeps of a vendor error only what it says', () => {
    const error = called(14)
    expect(error.message).to.contain('agents').and.contain('project p').and.contain('UNAVAILABLE because')
    expect(JSON.stringify(error.cause)).not.to.contain('secret')
  })

  // As Google's own code words them; the first three quote what was sent.
  const quoting: Readonly<Record<string, string>> = {
    "Geo point latitude '123.456' outside permitted range -90.0 to 90.0.": '123.456',
    'Resource name "secret-ref" lacks "projects" at index 0.': 'secret',
    'Something new: secret': 'secret'
  }
  const naming: readonly string[] = [
    'The value of property "summary" is longer than 1048487 bytes.',
    'Property usage contains an invalid nested entity.',
    "field name '__id__' is reserved.",
    'Cannot convert an array value in an array value.'
  ]

  it('shows no words that may quote a document; they are the cause of its refusal', () => {
    for (const [details, secret] of Object.entries(quoting)) {
      const { message, cause } = writeFailure(grpcError(3, details))
      expect(message)
        .to.match(/^Firestore: INVALID_ARGUMENT/)
        .and.not.include(secret)
      expect(String(cause)).to.include(details)
      for (const code of [2, 3, 11, 13, 15]) {
        const error = callError(grpcError(code, details), { action: 'write', address: 'project p' }) as DocferryError
        expect(`${error.message} ${String(error.cause)}`, String(code)).to.not.include(secret)
      }
    }
  })

  it('shows words that quote names and sizes only', () => {
    for (const details of naming) expect(writeFailure(grpcError(3, details)).message).to.equal(`Firestore: INVALID_ARGUMENT ${details}`)
    const size =
      "Document 'projects/p/databases/d/documents/a/b' cannot be written because its size (1,234,567 bytes) exceeds the maximum allowed size of 1,048,576 bytes."
    expect(writeFailure(grpcError(3, size)).message).to.include('1,234,567 bytes, at most 1,048,576 bytes')
  })

  it('shows what the service says of itself, and of requests without documents', () => {
    expect(writeFailure(grpcError(7, 'Missing or insufficient permissions.')).message).to.include('insufficient')
    const error = callError(grpcError(3, 'Invalid page token.'), { action: 'read', address: 'project p' }) as DocferryError
    expect(error.message).to.include('Invalid page token.')
  })

  it('takes no other error for one of gRPC', () => {
    const abort = AbortSignal.abort().reason as DOMException
    expect(abort.code).to.be.a('number')
    expect(isGrpcError(abort)).to.equal(false)
    expect(callError(abort, { action: 'read', address: 'project p' })).to.equal(abort)
  })

  it('tells a document that is refused from one that may be written later', () => {
    expect(writeFailure(grpcError(3))).to.include({ code: 'DOCFERRY_REFUSED', retryable: false })
    expect(writeFailure(grpcError(3, 'maximum entity size is 1048576 bytes'))).to.include({ code: 'DOCFERRY_TOO_LARGE', retryable: false })
    for (const code of [8, 10]) expect(writeFailure(grpcError(code))).to.include({ code: 'DOCFERRY_THROTTLED', retryable: true })
    for (const code of [4, 13, 14]) expect(writeFailure(grpcError(code))).to.include({ code: 'DOCFERRY_CONNECT', retryable: true })
  })

  it('tells a request that is too large from one too many', () => {
    expect(isRefusal(grpcError(8, 'gRPC message exceeds maximum size 4194304: 5400486'))).to.equal(true)
    expect(isRefusal(grpcError(8, 'Quota exceeded.'))).to.equal(false)
    expect(isRefusal(grpcError(3))).to.equal(true)
  })
})
