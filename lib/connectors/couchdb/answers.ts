/** What is taken from an answer that is not 2xx. */
import type { IncomingMessage } from 'node:http'
import { errorName } from './errors.ts'
import type { BadAnswer } from './errors.ts'
import { parseText } from '../../values/index.ts'

/** @param url that was asked */
export function badAnswer(
  { statusCode = 500, headers }: Pick<IncomingMessage, 'statusCode' | 'headers'>,
  url: string,
  text: string
): BadAnswer {
  const { error, reason } = parseObject(text) ?? {}
  return {
    status: statusCode,
    error: errorName(error),
    reason: typeof reason === 'string' ? reason : undefined,
    retryAfterMs: retryAfterMs(headers['retry-after']),
    redirect: statusCode < 300 ? undefined : redirectOf(headers.location, url)
  }
}

/** https://www.rfc-editor.org/rfc/rfc9110#name-retry-after: seconds, or a date. */
function retryAfterMs(header: string | undefined): number | undefined {
  if (header === undefined) return undefined
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return ms > 0 ? ms : undefined
}

/** Another server; of the same one the path, without what is asked of it. */
function redirectOf(location: string | undefined, url: string): string | undefined {
  if (location === undefined || !URL.canParse(location, url)) return undefined
  const { origin, pathname } = new URL(location, url)
  return origin === new URL(url).origin ? pathname : origin
}

export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = parseText(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
  } catch {
    // Proxies answer in HTML: no object then, and the status says enough.
    return undefined
  }
}
