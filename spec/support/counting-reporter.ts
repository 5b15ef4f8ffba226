/**
 * Mocha's own spec reporter, which also tells scripts/test.ts, over the channel to the parent process, what became of each test;
 * and ends a run that something keeps open after its last hook, saying what.
 */
import Mocha from 'mocha'

/** What travels to the parent. */
export type TestEvent =
  'passed' | 'failed' | 'failedHooks' | 'skipped' | { readonly total: number } | { readonly keptOpen: readonly string[] }

const openDeadlineMs = 5_000

const { EVENT_TEST_PASS, EVENT_TEST_FAIL, EVENT_TEST_PENDING, EVENT_RUN_END } = Mocha.Runner.constants

class CountingReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options?: Mocha.MochaOptions) {
    super(runner, options)
    runner.on(EVENT_TEST_PASS, () => tell('passed'))
    runner.on(EVENT_TEST_FAIL, (failed: Mocha.Runnable) => tell(failed instanceof Mocha.Hook ? 'failedHooks' : 'failed'))
    runner.on(EVENT_TEST_PENDING, () => tell('skipped'))
    runner.on(EVENT_RUN_END, () => {
      tell({ total: runner.total })
      setTimeout(endKeptOpen, openDeadlineMs).unref()
    })
  }
}

// Without its parent a run is of no use to anyone, and its servers should go too.
process.once('disconnect', () => process.exit(1))
process.channel?.unref()

function tell(event: TestEvent): void {
  process.send?.(event)
}

/** Runs only if something else still keeps the process alive. */
function endKeptOpen(): void {
  const open = [...process.getActiveResourcesInfo(), ...describeSockets()]
  process.stderr.write(`After the last hook the process was kept open by: ${open.join(', ')}\n`)
  tell({ keptOpen: open })
  process.exit(1)
}

function describeSockets(): string[] {
  const { _getActiveHandles: handles } = process as unknown as { _getActiveHandles?: () => unknown[] }
  return (handles?.call(process) ?? []).flatMap(handle => {
    const { remoteAddress, remotePort, localPort } = handle as { remoteAddress?: string; remotePort?: number; localPort?: number }
    return remoteAddress === undefined ? [] : [`socket ${localPort} -> ${remoteAddress}:${remotePort}`]
  })
}

// Mocha takes a reporter module's default export.
// oxlint-disable-next-line import/no-default-export
export { CountingReporter as default }
