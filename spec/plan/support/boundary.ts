/** What the table of limits is made of. */
import type { ErrorCode } from '../../../lib/errors.ts'
import type { Document, ProviderName, Value } from '../../../lib/types.ts'
import type { ValueMap } from '../../../lib/values/index.ts'

/** A document, made when it is asked for (several have a megabyte); or a collection's name. */
export type Subject = (() => Document) | string

/** One side of a limit. */
export interface Side {
  /** Completes "... is taken by plan and server": `an item of 409,600 bytes`. */
  readonly what: string
  readonly subject: Subject
}

/** `enveloped`: taken, with an envelope in the place of what the target can't hold. */
export type PlanWord = 'taken' | 'refused' | 'enveloped'

/** `changed`: taken, and given back as something else. */
export type ServerWord = 'taken' | 'refused' | 'changed'

/** A limit of a database: what is at it is taken by plan and server and kept; what is beyond it is not. */
export interface Boundary {
  /** Stands for a server: `pouchdb` is PouchDB behind CouchDB's protocol. */
  readonly provider: Exclude<ProviderName, 'memory' | 'file'> | 'pouchdb'
  readonly limit: string
  /** Where the service says so. */
  readonly source: string
  readonly at: Side
  readonly beyond: Side
  /** What plan refuses it as; none where it writes an envelope. */
  readonly code?: ErrorCode
  /** What the server says beyond, where that is not `refused`. */
  readonly server?: ServerWord
  /** Why the emulator takes what the service refuses by its documentation. Plan goes by the service. */
  readonly laxer?: string
}

/** How plan must answer beyond a limit. */
export function planBeyond({ code }: Boundary): PlanWord {
  return code === undefined ? 'enveloped' : 'refused'
}

/** How a server must answer beyond a limit. */
export function serverBeyond({ server, laxer }: Boundary, isEmulator: boolean): ServerWord {
  return server ?? (isEmulator && laxer !== undefined ? 'taken' : 'refused')
}

/** A document of the walk that holds one value. */
export function holding(value: Value): () => Document {
  return () => ({ _id: 'walk', value })
}

/** A document of the walk with these fields beside its id. */
export function fields(map: ValueMap): () => Document {
  return () => ({ _id: 'walk', ...map })
}

export function withId(id: string): () => Document {
  return () => ({ _id: id, value: 1 })
}

/** Maps and lists inside one another, by turns, around a text. */
export function nested(containers: number): Value {
  let value: Value = 'x'
  for (let level = 0; level < containers; level++) value = level % 2 === 0 ? { a: value } : [value]
  return value
}

/** The two sides of a size: the same document with one byte more. @param make from how much is beyond the limit */
export function sizes(what: (bytes: string) => string, limit: number, make: (bytes: number) => Document): { at: Side; beyond: Side } {
  const side = (bytes: number): Side => ({ what: what(bytes.toLocaleString('en-US')), subject: () => make(bytes) })
  return { at: side(limit), beyond: side(limit + 1) }
}
