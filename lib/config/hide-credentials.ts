import type { Environment } from '../types.ts'

/** What stands in place of a secret. */
export const censored = '***'

/**
 * Take the user and password out of the URLs in a text, up to the last `@` before a space or a quote: a password may hold one. A user's name stays
 * where a variable is named for the password, so that a command with such an address can be used as it is printed.
 */
export function hideCredentials(text: string): string {
  return text.replace(/:\/\/([^\s"'<>]*)@([^\s"'<>@]*)/g, (whole, login: string, rest: string) =>
    /^[\w.%~+-]+$/.test(login) && /[?&]passwordEnv=/.test(rest) ? whole : `://${censored}@${rest}`
  )
}

/** The address with the variable's name in place of a password before its host; as it is where there is none. */
export function withPasswordVariable(address: string, variable: string): string {
  const login = /^([a-z+]+:\/\/)([^/?#@:]*):(.*)@([^@]*)$/s.exec(address)
  return login ? `${login[1]}${login[2]}@${login[4]}${login[4]!.includes('?') ? '&' : '?'}passwordEnv=${variable}` : address
}

/** Whether an address holds a password or a token, which must not be kept. */
export function holdsSecret(address: string): boolean {
  return /:\/\/[^/]*:.*@|[?&][^=&]*(?:pass|secret|token)[^=&]*(?<!Env)=/i.test(address)
}

/** The passwords and tokens in an address, as they are written and decoded; `passwordEnv=NAME` names a variable, whose value is one. */
export function passwordsIn(address: string, environment: Environment = {}): string[] {
  const userInfo = /:\/\/(.*)@/s.exec(address)?.[1]
  const password = userInfo?.includes(':') ? userInfo.slice(userInfo.indexOf(':') + 1) : undefined
  const parameters = [...address.matchAll(/[?&]([^=&]*(?:pass|secret|token)[^=&]*)=([^&]+)/gi)]
  const inQuery = parameters.map(([, name = '', value = '']) => (name.endsWith('Env') ? environment[value] : value))
  return [password, ...inQuery].flatMap(secret => (secret === undefined ? [] : [secret, decoded(secret)]))
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (error instanceof URIError) return text
    throw error
  }
}
