/** The environment of a run: the process's own, and what a `.env` file adds to it. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { DocferryError } from '../errors.ts'
import type { Environment } from '../types.ts'

export interface EnvironmentOptions {
  /** `--dotenv`. Without it, `.env` in the working directory is taken if it is there. */
  readonly file?: string
  readonly cwd?: string
}

/** The variables of the `.env` file; the caller lets the real environment win over them. */
export function readEnvFile({ file, cwd = process.cwd() }: EnvironmentOptions): Environment {
  const path = resolve(cwd, file ?? '.env')
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (file === undefined && (code === 'ENOENT' || code === 'EISDIR')) return {}
    throw new DocferryError('DOCFERRY_CONFIG', `the environment file ${path} cannot be read (${code}); check --dotenv`, { cause: error })
  }
  return parseEnv(text.replace(/^\uFEFF/, ''))
}

/**
 * Make the process's environment whole: vendors' SDKs read it themselves (`AWS_ACCESS_KEY_ID`, `GOOGLE_APPLICATION_CREDENTIALS`).
 * What is set already stays as it is.
 */
export function completeEnvironment(environment: NodeJS.ProcessEnv, added: Environment): void {
  for (const [name, value] of Object.entries(added)) environment[name] ??= value
  // the AWS SDK prints a warning about Node 20, which is no business of a docferry user
  environment['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true'
  // with an emulator there is no metadata server: looking for it costs seconds and prints a warning
  if (environment['FIRESTORE_EMULATOR_HOST']) environment['METADATA_SERVER_DETECTION'] ??= 'none'
}

/** https://no-color.org and its opposite; undefined: as the stream is a terminal or not. */
export function coloursOf(environment: NodeJS.ProcessEnv): boolean | undefined {
  if (environment['NO_COLOR']) return false
  if (environment['FORCE_COLOR'] && environment['FORCE_COLOR'] !== '0') return true
  return environment['TERM'] === 'dumb' ? false : undefined
}
