/** `npm run servers [-- couchdb firestore dynamodb]`: start servers, print the environment that leads to them, stay until Ctrl-C. */
import { serverNames, startServers } from './index.ts'
import type { ServerName } from './index.ts'

const log = (line: string): void => void process.stderr.write(`${line}\n`)
const isServerName = (name: string): name is ServerName => (serverNames as readonly string[]).includes(name)

async function main(names: readonly string[]): Promise<void> {
  const unknown = names.filter(name => !isServerName(name))
  if (unknown.length > 0) throw new Error(`no such server: ${unknown.join(', ')}; there are ${serverNames.join(', ')}`)
  const named = names.filter(isServerName)

  const stopping = new AbortController()
  const stop = (): void => stopping.abort(new Error('interrupted'))
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, stop)

  const started = await startServers({ which: named.length > 0 ? named : serverNames, signal: stopping.signal, log })
  for (const [key, value] of Object.entries(started.environment)) process.stdout.write(`export ${key}='${value}'\n`)
  log('Ready. Ctrl-C stops them.')
  try {
    await untilAborted(
      stopping.signal,
      started.servers.flatMap(({ name, ended }) => ended?.then(output => ({ name, output })) ?? [])
    )
  } finally {
    await started.stop()
    log('Stopped.')
  }
}

/** Stays until the signal; throws when a server ends by itself. */
async function untilAborted(signal: AbortSignal, ends: readonly Promise<{ name: string; output: string }>[]): Promise<void> {
  // Neither signal handlers nor the servers keep the process alive.
  const stay = setInterval(() => undefined, 2 ** 30)
  try {
    const aborted = new Promise<undefined>(resolve => {
      if (signal.aborted) resolve(undefined)
      signal.addEventListener('abort', () => resolve(undefined), { once: true })
    })
    const end = await Promise.race([aborted, ...ends])
    if (end !== undefined) throw new Error(`${end.name} ended by itself. The end of what it printed:\n${end.output}`)
  } finally {
    clearInterval(stay)
  }
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  log(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
