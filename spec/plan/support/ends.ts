/** One database asked twice: plan, which is docferry's target without the sending; and the server, past docferry. */
import { openTarget } from '../../../lib/open.ts'
import type { Endpoint } from '../../../lib/open.ts'
import type { ErrorCode } from '../../../lib/errors.ts'
import type { Document, Encoded, Refusal } from '../../../lib/types.ts'
import type { PlanWord, ServerWord, Subject } from './boundary.ts'

/** A server by its vendor's protocol, with nothing of docferry's checks before it. */
export interface RawServer {
  /** Where plan opens its target. */
  readonly endpoint: Endpoint
  /** Where documents go; it is there. */
  readonly collection: string
  /** Whether it only stands for the service, whose rules may be stricter. */
  readonly isEmulator: boolean
  /** Write a document and look whether it came back as it was sent. @throws for an answer that is no verdict */
  put(document: Document): Promise<ServerWord>
  /** Make a collection of this name, and remove it. @throws for an answer that is no verdict */
  make(collection: string): Promise<ServerWord>
  close(): Promise<void>
}

export interface PlanAnswer {
  readonly word: PlanWord
  readonly code?: ErrorCode
}

export interface Ends {
  readonly isEmulator: boolean
  plan(subject: Subject): PlanAnswer
  server(subject: Subject): Promise<ServerWord>
  close(): Promise<void>
}

export async function openEnds(server: RawServer): Promise<Ends> {
  const target = await openTarget(server.endpoint)
  return {
    isEmulator: server.isEmulator,
    plan(subject) {
      if (typeof subject === 'string') return answerOf(target.checkCollection(subject), false)
      let isEnveloped = false
      const encoded = target.encode(server.collection, subject(), (_kind, conversion) => {
        if (conversion === 'enveloped') isEnveloped = true
      })
      return answerOf(encoded, isEnveloped)
    },
    server(subject) {
      return typeof subject === 'string' ? server.make(subject) : server.put(subject())
    },
    async close() {
      await target.close()
      await server.close()
    }
  }
}

function answerOf(encoded: Encoded | Refusal | undefined, isEnveloped: boolean): PlanAnswer {
  if (encoded !== undefined && 'code' in encoded) return { word: 'refused', code: encoded.code }
  return { word: isEnveloped ? 'enveloped' : 'taken' }
}
