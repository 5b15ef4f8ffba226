/** What the servers need of the machine: Java, commands, a place for downloads. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

export type Log = (line: string) => void

/** Runs a command; resolves with what it printed on stdout. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: { cwd?: string; signal?: AbortSignal } = {}
): Promise<string> {
  const { stdout } = await run(command, args, { ...options, maxBuffer: 64 * 1024 * 1024 })
  return stdout
}

async function works(command: string, args: readonly string[], signal?: AbortSignal): Promise<boolean> {
  try {
    await runCommand(command, args, { signal })
    return true
  } catch {
    // Missing or broken: either way it is of no use, and the caller says what to install.
    signal?.throwIfAborted()
    return false
  }
}

/** The folder that holds package.json, from compiled code as from source. */
export function projectFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder)
    if (parent === folder) throw new Error('package.json not found above scripts/servers')
    folder = parent
  }
  return folder
}

/** Where downloads are kept between runs; `npm ci` empties it. */
export function cacheFolder(): string {
  return join(projectFolder(), 'node_modules', '.cache', 'docferry')
}

/**
 * The path of a Java runtime: from JAVA_HOME, from PATH, else installed by apt-get where that is possible (Debian, as root).
 *
 * @throws {Error} that says what to install
 */
export async function findJava(options: { readonly log: Log; readonly signal?: AbortSignal }): Promise<string> {
  const { log, signal } = options
  const home = process.env['JAVA_HOME']
  const candidates = home === undefined || home === '' ? ['java'] : [join(home, 'bin', 'java'), 'java']
  for (const java of candidates) {
    if (await works(java, ['-version'], signal)) return java
  }
  if (existsSync('/etc/debian_version') && process.getuid?.() === 0) {
    log('Java is missing: installing default-jre-headless with apt-get')
    await runCommand('apt-get', ['update', '-q'], { signal })
    await runCommand('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'default-jre-headless'], { signal })
    if (await works('java', ['-version'], signal)) return 'java'
  }
  throw new Error('Java is missing: install a Java 17 runtime (Debian: apt-get install default-jre-headless) or set JAVA_HOME')
}

/**
 * The Java VM's own options. One that lives for minutes only spends a third of its processor time on optimising what will not run for long:
 * then the quick compiler alone, and the collector without threads of its own.
 *
 * @param options.heap `1g`
 */
export function javaOptions(options: { readonly heap: string; readonly isShortLived?: boolean | undefined }): string[] {
  const { heap, isShortLived = false } = options
  return [`-Xmx${heap}`, ...(isShortLived ? ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'] : [])]
}
