/**
 * The contracts between the data path and everything that plugs into it, each in a file of its own. Words are those of lib/README.md.
 */
export type { Document, Json, Value } from './values/types.ts'
export type * from './contracts/place.ts'
export * from './contracts/rules.ts'
export type * from './contracts/connector.ts'
export type * from './contracts/source.ts'
export type * from './contracts/target.ts'
export type * from './contracts/written.ts'
export type * from './contracts/security.ts'
export * from './contracts/control-items.ts'
export * from './contracts/stage.ts'
