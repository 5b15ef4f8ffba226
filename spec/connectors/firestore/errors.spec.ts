import { expect } from 'chai'
import { DocferryError } from '../../../lib/errors.ts'
import { callError, isGrpcError, isRefusal, writeFailure } from '../../../lib/connectors/firestore/errors.ts'

function grpcError(code: number, details = 'because'): Error & { code: number; details: string } {
  return Object.assign(new Error(`${code} ${details}`), { code, details, request: { private_key: 'secret' } })
}

function called(code: number, action: 'open' | 'read' | 'write' = 'write'): DocferryError {
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

  it('keeps of a vendor error only what it says', () => {
    const error = called(14)
    expect(error.message).to.contain('agents').and.contain('project p').and.contain('UNAVAILABLE because')
    expect(JSON.stringify(error.cause)).not.to.contain('secret')
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
