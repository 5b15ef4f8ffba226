/** Where it was first; the sums are a part of the values, for the engine and the formats make them too. */
export * from '../values/bucket-sums.ts'
