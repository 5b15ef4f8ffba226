/** Google's own Firestore emulator, from the Google Cloud CLI. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { launch } from './launch.ts'
import type { RunningServer } from './launch.ts'
import { findJava, javaOptions, runCommand } from './tools.ts'
import type { Log } from './tools.ts'

/** About 7 KB of heap per 1 KB document ever written, never freed: a big run wants `FIRESTORE_EMULATOR_HEAP=8g`. */
const heap = process.env['FIRESTORE_EMULATOR_HEAP'] ?? '4g'

/**
 * Start the emulator on a free port of the loopback interface.
 *
 * @throws {Error} when Java or the emulator's jar is missing; the message says what to install
 */
export async function startFirestoreEmulator(options: {
  readonly log: Log
  readonly isShortLived?: boolean
  readonly signal?: AbortSignal
}): Promise<RunningServer> {
  const [java, jar] = await Promise.all([findJava(options), findFirestoreJar(options.signal)])
  return await launch({
    name: 'Firestore emulator',
    command: java,
    args: port => [
      ...javaOptions({ heap, isShortLived: options.isShortLived }),
      '-Duser.language=en',
      '-cp',
      jar,
      'com.google.cloud.datastore.emulator.firestore.CloudFirestore',
      ...['start', '--host=127.0.0.1', `--port=${port}`]
    ],
    isReady: async (port, output, signal) => {
      if (!output.includes('Dev App Server is now running')) return false
      const response = await fetch(`http://127.0.0.1:${port}/`, { signal })
      return (await response.text()).trim() === 'Ok'
    },
    signal: options.signal
  })
}

/** @throws {Error} that says what to install */
export async function findFirestoreJar(signal?: AbortSignal): Promise<string> {
  const named = process.env['FIRESTORE_EMULATOR_JAR']
  if (named !== undefined && named !== '') {
    if (existsSync(named)) return named
    throw new Error(`FIRESTORE_EMULATOR_JAR names a file that does not exist: ${named}`)
  }
  const root = await runCommand('gcloud', ['info', '--format=value(installation.sdk_root)'], { signal }).catch(() => '')
  signal?.throwIfAborted()
  const jar = join(root.trim(), 'platform', 'cloud-firestore-emulator', 'cloud-firestore-emulator.jar')
  if (root.trim() !== '' && existsSync(jar)) return jar
  throw new Error(
    'The Firestore emulator is missing: install the Google Cloud CLI and its component cloud-firestore-emulator ' +
      "('gcloud components install cloud-firestore-emulator', or the package google-cloud-cli-firestore-emulator), or set FIRESTORE_EMULATOR_JAR"
  )
}
