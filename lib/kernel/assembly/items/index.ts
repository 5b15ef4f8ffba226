/**
 * DynamoDB's JSON and ordinary JSON, each made of the other's bytes in one pass: `{"_id":{"S":"a"},"l":{"L":[{"N":"1"}]}}` and `{"_id":"a","l":[1]}`.
 * What is rare, or not sure to mean the same, is left to the host.
 */
import { readItems } from './read.ts'
import { writeItem } from './write.ts'

export { readItems, writeItem }
