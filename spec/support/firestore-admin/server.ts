/**
 * A small server of Firestore's Admin API, for specs: no emulator has it. It speaks the vendor's wire protocol, by the vendor's own description
 * of it, and checks requests as strictly as that says; what it does with them is ours. It moves no documents.
 */
import type { Plain } from './protocol.ts'
import { StatusError, gax, serve } from './protocol.ts'
import { methodsOf } from './methods.ts'
import { FirestoreState, status } from './state.ts'

export interface SeenRequest {
  readonly method: string
  readonly request: Plain
}

export interface FirestoreAdminServer {
  /** `127.0.0.1:port` */
  readonly host: string
  readonly state: FirestoreState
  /** What was asked and found well formed, in order. */
  readonly seen: readonly SeenRequest[]
  /** Answer the next calls of this method with a status instead. */
  failNext(method: string, code: number, details?: string, times?: number): void
  /** Do what the next call of this method asks for, and answer with UNAVAILABLE. */
  loseAnswer(method: string): void
  close(): void
}

export async function startFirestoreAdmin(): Promise<FirestoreAdminServer> {
  const state = new FirestoreState()
  const seen: SeenRequest[] = []
  const faults: { method: string; code: number; details: string; times: number; afterWork?: boolean }[] = []
  const methods = methodsOf(state)
  const server = new gax.grpc.Server()
  serve(server, method => {
    const handler = methods[method]
    return (
      handler &&
      (request => {
        seen.push({ method, request })
        const fault = faults.find(each => each.method === method && each.times > 0)
        if (fault) {
          fault.times--
          if (fault.afterWork) handler(request)
          throw new StatusError(fault.code, fault.details)
        }
        return handler(request)
      })
    )
  })
  const port = await new Promise<number>((resolve, reject) => {
    const done = (error: Error | null, bound: number): void => (error ? reject(error) : resolve(bound))
    server.bindAsync('127.0.0.1:0', gax.grpc.ServerCredentials.createInsecure(), done)
  })
  return {
    host: `127.0.0.1:${port}`,
    state,
    seen,
    failNext: (method, code, details = 'injected', times = 1) => void faults.push({ method, code, details, times }),
    loseAnswer: method => void faults.push({ method, code: status.unavailable, details: 'the answer is lost', times: 1, afterWork: true }),
    close: () => server.forceShutdown()
  }
}
