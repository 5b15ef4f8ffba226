import { readFile } from 'node:fs/promises'
import { DocferryError, describeError } from '../../errors.ts'
import type { FirestoreOptions } from './options.ts'

/**
 * Read the key file before the vendor's code does, whose errors may quote it.
 *
 * @returns the project, as the options or the key file name it
 */
export async function checkKeyFile({ project, credentials, emulator }: FirestoreOptions): Promise<string | undefined> {
  if (credentials === undefined || emulator !== undefined) return project
  let key: unknown
  try {
    key = JSON.parse(await readFile(credentials, 'utf8'))
  } catch (error) {
    throw authError(
      `the credentials file ${credentials} cannot be read (${error instanceof SyntaxError ? 'no JSON' : describeError(error)})`
    )
  }
  const { type, project_id: named } = Object(key) as { type?: unknown; project_id?: unknown }
  if (typeof type !== 'string') throw authError(`the credentials file ${credentials} holds no credentials (it has no "type")`)
  return project ?? (typeof named === 'string' ? named : undefined)
}

/**
 * Connecting includes looking for credentials, which has no timeout of its own worth the name.
 *
 * @throws {DocferryError} DOCFERRY_AUTH; the signal's reason
 */
export async function withTimeout<T>(connecting: Promise<T>, timeoutMs: number, signal?: AbortSignal): Promise<T> {
  const timeout = AbortSignal.timeout(timeoutMs)
  const either = signal === undefined ? timeout : AbortSignal.any([signal, timeout])
  const stopped = new Promise<never>((_, reject) => {
    if (either.aborted) reject(either.reason as Error)
    either.addEventListener('abort', () => reject(either.reason as Error), { once: true })
  })
  try {
    return await Promise.race([connecting, stopped])
  } catch (error) {
    signal?.throwIfAborted()
    throw authError(
      `${credentialsProblem(error)}; set GOOGLE_APPLICATION_CREDENTIALS to a key file, run gcloud auth application-default login, ` +
        'or set FIRESTORE_EMULATOR_HOST for an emulator'
    )
  }
}

/** Parse errors quote what they parsed. */
function credentialsProblem(error: unknown): string {
  if (error instanceof DOMException) return 'no credentials were found in time'
  return error instanceof SyntaxError ? 'the credentials are no valid JSON' : describeError(error).split('. ')[0]!
}

function authError(message: string): DocferryError {
  return new DocferryError('DOCFERRY_AUTH', `firestore: ${message}`, { provider: 'firestore' })
}
