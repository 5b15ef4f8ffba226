/** Tools of others, installed from npm when they are wanted, with the versions that were compared with. */
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cacheFolder, runCommand } from '../servers/tools.ts'

const versions = { elasticdump: '6.125.1', 'ndjson-cli': '0.3.1', '@cloudant/couchbackup': '2.11.12' } as const
type Package = keyof typeof versions

export interface Peer {
  /** With its version. */
  readonly name: string
  /** Why it is not here. */
  readonly missing?: string
}

export interface Peers {
  readonly jq: Peer
  readonly elasticdump: Peer
  readonly ndjsonMap: Peer
  /** Path of a command of an installed package. */
  readonly bin: (command: string) => string
}

export async function findPeers(asked?: string): Promise<Peers> {
  const [elasticdump, ndjsonMap] = [await installed('elasticdump', asked), await installed('ndjson-cli', asked)]
  const { folder } = elasticdump
  return { jq: await findJq(), elasticdump, ndjsonMap, bin: command => join(folder, 'node_modules', '.bin', command) }
}

async function findJq(): Promise<Peer> {
  try {
    return { name: (await runCommand('jq', ['--version'])).trim() }
  } catch {
    return { name: 'jq', missing: 'jq is not on PATH' }
  }
}

/** @param folder in whose `node_modules` it is, or is put */
export async function installed(name: Package, folder = join(cacheFolder(), 'bench-peers')): Promise<Peer & { readonly folder: string }> {
  const wanted = { name: `${name} ${versions[name]}`, folder }
  if (versionIn(folder, name) === versions[name]) return wanted
  try {
    await mkdir(folder, { recursive: true })
    const args = ['install', '--prefix', folder, '--no-audit', '--no-fund', '--ignore-scripts', `${name}@${versions[name]}`]
    await promisify(execFile)('npm', args)
    return wanted
  } catch {
    return { ...wanted, missing: `${wanted.name} can't be installed here` }
  }
}

function versionIn(folder: string, name: string): string | undefined {
  const path = join(folder, 'node_modules', name, 'package.json')
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version : undefined
}
