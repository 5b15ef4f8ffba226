/** Logs, by pino: JSON lines for programs, one plain line for people, and never a secret. */
import { createRequire } from 'node:module'
import type { pino as Pino } from 'pino'
import { censored, hideCredentials } from './config/hide-credentials.ts'
import { describeError, DocferryError } from './errors.ts'
import type { Logger } from './types.ts'

export const logLevels = ['silent', 'error', 'warn', 'info', 'debug'] as const
export type LogLevel = (typeof logLevels)[number]

export interface LoggerOptions {
  /** Default `warn`. */
  readonly level?: LogLevel
  /** Takes whole lines. */
  readonly destination: { write(line: string): unknown }
  /** One line of text for a terminal in place of JSON. Default false. */
  readonly plain?: boolean
  /** Takes known secrets out of a text, besides the credentials in URLs, which are always taken out. */
  readonly mask?: (text: string) => string
}

/** The deepest level of a log context that is written. */
const maxDepth = 6

const secretKey =
  /pass(?:word|wd|phrase)?$|secret|token|api[_-]?keys?$|(?:private|access|session|signing)[_-]?key|authorization|cookie|credential/i

/** Whether a field of this name holds what nobody may see. */
export function isSecretKey(key: string): boolean {
  return secretKey.test(key)
}

/**
 * A line as `createLogger` has pino write it. By itself: to load pino takes longer than a short run takes for all else that it keeps.
 *
 * @param options.mask takes known secrets out of a text
 */
export function lineOf(
  { level, context, message }: { readonly level: LogLevel; readonly context: object; readonly message: string },
  { mask = text => text }: Pick<LoggerOptions, 'mask'>
): string {
  const clean = (text: string): string => hideCredentials(mask(text))
  return `${JSON.stringify({ level, time: new Date().toISOString(), ...(redact(context, clean, 0) as object), msg: clean(message) })}\n`
}

/** pino is loaded with the first line that is written: most commands have nothing to log. */
export function createLogger(options: LoggerOptions): Logger {
  const { level: least = 'warn' } = options
  let logger: Logger | undefined
  const at = (level: Exclude<LogLevel, 'silent'>): Logger['info'] => {
    if (logLevels.indexOf(level) > logLevels.indexOf(least)) return () => undefined
    return (context, message) => (logger ??= openPino(options))[level](context, message)
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

function openPino({ level = 'warn', destination, plain = false, mask = text => text }: LoggerOptions): Logger {
  const { pino } = createRequire(import.meta.url)('pino') as { readonly pino: typeof Pino }
  const clean = (text: string): string => hideCredentials(mask(text))
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: label => ({ level: label }),
        log: context => redact(context, clean, 0) as Record<string, unknown>
      },
      serializers: { err: (value: unknown) => value },
      hooks: {
        logMethod(parameters, method) {
          const cleaned = parameters.map((parameter: unknown) => (typeof parameter === 'string' ? clean(parameter) : parameter))
          method.apply(this, cleaned as Parameters<typeof method>)
        }
      }
    },
    { write: (line: string) => void destination.write(plain ? plainLine(line) : line) }
  )
}

/** A copy that holds no secret, no class instance and no vendor error, whose own fields may hold credentials. */
function redact(value: unknown, clean: (text: string) => string, depth: number): unknown {
  if (typeof value === 'string') return clean(value)
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Error) return errorFields(value, clean)
  if (value instanceof Date) return value.toISOString()
  if (depth >= maxDepth) return '[deeper]'
  if (Array.isArray(value)) return value.map(member => redact(member, clean, depth + 1))
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key,
      isSecretKey(key) && member !== undefined ? censored : redact(member, clean, depth + 1)
    ])
  )
}

function errorFields(error: Error, clean: (text: string) => string): object {
  const own = error instanceof DocferryError
  return {
    type: error.name,
    ...(own ? { code: error.code, ...error.context } : {}),
    message: clean(describeError(error)),
    ...(error.cause === undefined ? {} : { cause: clean(describeError(error.cause)) })
  }
}

/** `12:34:56 warn  message  collection=agents`. */
function plainLine(line: string): string {
  const { level, time, msg, ...context } = JSON.parse(line) as { level: string; time: string; msg?: string } & Record<string, unknown>
  const fields = Object.entries(context).map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  const text = [time.slice(11, 19), level.padEnd(5), msg ?? '', ...fields].join(' ')
  // a name in a message may hold control characters, which must not reach a terminal
  return `${text.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ').trimEnd()}\n`
}
