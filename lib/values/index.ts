/** The values that documents hold, and their text and byte forms. */
export * from './types.ts'
export * from './numbers.ts'
export * from './kinds.ts'
export * from './envelope.ts'
export * from './json.ts'
export * from './canonical.ts'
export * from './digest.ts'
