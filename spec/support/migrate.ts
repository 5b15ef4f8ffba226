/** `migrate` whose runs leave nothing behind when the specs are through. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MigrateOptions } from '../../lib/options.ts'
import type { RunReport } from '../../lib/report.ts'
import { migrate as run } from '../../lib/run.ts'

let stateDir: string | undefined

export function migrate(options: MigrateOptions): Promise<RunReport> {
  stateDir ??= mkdtempSync(join(tmpdir(), 'docferry-runs-'))
  return run({ stateDir, ...options })
}

// A hook outside any describe belongs to the whole run.
after('remove the folders of runs', () => {
  if (stateDir !== undefined) rmSync(stateDir, { recursive: true, force: true })
})
