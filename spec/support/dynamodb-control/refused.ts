/** Thrown for the error of that name. */
export class Refused extends Error {
  constructor(name: string, message: string) {
    super(message)
    this.name = name
  }
}

/** DynamoDB's JSON of a request; the model has checked it. */
export type Json = Record<string, unknown>
