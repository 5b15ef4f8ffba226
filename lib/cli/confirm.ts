/** Ask a person before something is removed. */
import { DocferryError } from '../errors.ts'
import type { Host } from './execute.ts'

/**
 * @param lines what it is about
 * @returns whether the answer is yes
 * @throws {DocferryError} DOCFERRY_USAGE where there is nobody to ask
 */
export async function confirmed(host: Host, lines: readonly string[], question: string, signal: AbortSignal): Promise<boolean> {
  const { stdin, stderr } = host
  if (!stdin?.isTTY || !stderr.isTTY) {
    throw new DocferryError('DOCFERRY_USAGE', `${question} There is no terminal to ask on: give --yes to do it without being asked`)
  }
  stderr.write(`${lines.map(line => `${line}\n`).join('')}${question} [y/N] `)
  return /^y(?:es)?$/i.test((await readLine(stdin, signal)).trim())
}

/** A line as the terminal hands it over, or what there was when the input ended. */
async function readLine(stdin: NodeJS.ReadableStream, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted()
  return await new Promise<string>((resolve, reject) => {
    let text = ''
    const leave = (): void => {
      stdin.off('data', hear).off('end', end)
      signal.removeEventListener('abort', stop)
      stdin.pause()
    }
    const end = (): void => {
      leave()
      resolve(text)
    }
    const hear = (chunk: Buffer | string): void => {
      text += String(chunk)
      if (text.includes('\n')) end()
    }
    const stop = (): void => {
      leave()
      reject(signal.reason as Error)
    }
    stdin.on('data', hear).once('end', end)
    signal.addEventListener('abort', stop, { once: true })
  })
}
