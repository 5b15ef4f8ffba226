/** What stands in place of a secret. */
export const censored = '***'

/** Take the user and password out of the URLs in a text, up to the last `@` before a space or a quote: a password may hold one. */
export function hideCredentials(text: string): string {
  return text.replace(/(:\/\/)[^\s"'<>]*@/g, `$1${censored}@`)
}

/** Whether an address holds a password or a token, which must not be kept. */
export function holdsSecret(address: string): boolean {
  return /:\/\/[^/]*:.*@|[?&][^=&]*(?:pass|secret|token)[^=&]*(?<!Env)=/i.test(address)
}
