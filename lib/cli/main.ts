/** The bin. What is slow to load is loaded when a command runs, so that `--help` is quick. */
import { tuneHeap } from './heap.ts'
import { reportFailure, runCommandLine } from './program.ts'
import { reportLost, writeWhole } from './standard-output.ts'
import { endedBy, uncaught } from './user-code.ts'

tuneHeap()

/** What the command has ended with. */
let ended: number | undefined = undefined

/** Whatever nobody caught is a bug, of docferry's or of a user's module. It is told by its message, never inspected: a vendor's error may hold a private key. */
function onUnexpected(error: unknown): void {
  process.exit(reportFailure(process, uncaught(error, process.cwd())))
}

/** A user's module may end the process, as if all were done. */
function onExit(exitCode: number): void {
  // bars may have hidden the cursor
  if (process.stderr.isTTY && ended === undefined) process.stderr.write('\u001b[?25h')
  const failure = ended === undefined ? endedBy(exitCode, process.cwd()) : undefined
  const told = failure === undefined ? ended : reportFailure(process, failure)
  if (told !== undefined) process.exitCode = told
}

/** Pipes are not written at once on every system; leaving before they are would cut the output. */
async function flush(stream: NodeJS.WriteStream, exitCode: number): Promise<void> {
  if (stream.destroyed || !stream.writable) return
  await new Promise<void>(resolve => {
    stream.once('error', () => resolve())
    stream.write('', () => resolve())
    // whoever has stopped reading does not keep a command that was interrupted
    if (exitCode === 130) setTimeout(resolve, 500)
  })
}

for (const stream of [process.stdout, process.stderr]) {
  // who reads what is said may leave before the documents are moved; a command that needs its reader listens itself
  stream.on('error', () => undefined)
}
writeWhole(process.stdout)
process.on('uncaughtException', onUnexpected)
process.on('unhandledRejection', onUnexpected)
process.on('exit', onExit)

async function main(): Promise<void> {
  ended = await runCommandLine(process, async (job, host) => {
    const { execute } = await import('./execute.ts')
    return await execute(job, host)
  })
  await flush(process.stdout, ended)
  const lost = reportLost(process.stdout)
  if (lost && ended === 0) ended = reportFailure(process, lost)
  else if (lost) process.stderr.write(`docferry: ${lost.message}\n`)
  await flush(process.stderr, ended)
  // a vendor's client may keep its connections, and with them the process, open
  process.exit(ended)
}

void main()
