/** Fields of Firestore's messages, made of lines of JSON in one pass. What is rare, or not sure to mean the same, is left to the host. */
import { writeFields } from './write.ts'

export { writeFields }
