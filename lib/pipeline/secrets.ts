/** What a pipeline takes from outside and nobody may see. */
import { censored, hideCredentials, passwordsIn } from '../config/hide-credentials.ts'
import type { Environment } from '../types.ts'

/** A shorter one would take ordinary letters out of every text. */
const shortest = 4

const secretName = /(?:^|_)(?:pass(?:word|wd|phrase|code)?|pwd|pw|secrets?|tokens?|(?:api)?keys?|credentials?|auth|salt|pepper)(?:_|$)/i

/** Whether a variable of this name is taken for a secret. */
export function looksSecret(name: string): boolean {
  return secretName.test(name) || /password|secret|token/i.test(name)
}

/** State with a lifetime: what one file has brought in. */
export class Secrets {
  readonly #texts = new Set<string>()

  add(text: string): void {
    for (const each of [text, text.trim()]) if (each.length >= shortest) this.#texts.add(each)
  }

  /** The passwords in an address. */
  addAddress(address: string, environment: Environment): void {
    for (const password of passwordsIn(address, environment)) this.add(password)
  }

  /** The longest first, so that none is cut by a shorter one within it. */
  list(): readonly string[] {
    return [...this.#texts].sort((a, b) => b.length - a.length)
  }

  readonly mask = (text: string): string =>
    this.list().reduce((masked, secret) => masked.replaceAll(secret, censored), hideCredentials(text))
}
