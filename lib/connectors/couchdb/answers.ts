/** What is taken from an answer that is not 2xx. */
import { answerError, errorName, networkError } from './errors.ts'
import type { Asked, BadAnswer } from './errors.ts'

export function badAnswer(response: Response, text: string): BadAnswer {
  const { error, reason } = parseObject(text) ?? {}
  return {
    status: response.status,
    error: errorName(error),
    reason: typeof reason === 'string' ? reason : undefined,
    retryAfterMs: retryAfterMs(response.headers.get('retry-after')),
    redirect: redirectOf(response)
  }
}

/** https://www.rfc-editor.org/rfc/rfc9110#name-retry-after: seconds, or a date. */
function retryAfterMs(header: string | null): number | undefined {
  if (header === null) return undefined
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return ms > 0 ? ms : undefined
}

function redirectOf({ status, headers, url }: Response): string | undefined {
  const location = headers.get('location')
  if (status < 300 || location === null || !URL.canParse(location, url)) return undefined
  return new URL(location, url).origin
}

/** nano's errors hold the request: only what the server said is taken from them. */
export function nanoError(error: unknown, asked: Asked): Error {
  const { statusCode, error: name, reason } = error as { statusCode?: number; error?: string; reason?: string }
  if (statusCode !== undefined) return answerError({ status: statusCode, error: errorName(name), reason }, asked)
  if (error instanceof Error && error.name === 'DocferryError') return error
  const message =
    error instanceof Error ? error.message.replace(/^error happened in your connection\. Reason: (?:Error: )?/, '') : String(error)
  return networkError(new Error(message), asked)
}

export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
  } catch {
    // Proxies answer in HTML: no object then, and the status says enough.
    return undefined
  }
}
