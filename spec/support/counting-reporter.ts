/**
 * Mocha's own spec reporter, which also tells scripts/test.ts, over the channel to the parent process, what became of each test;
 * and ends a run that something keeps open after its last hook, saying what. With the reporter option `told` it also says there, and not on
 * stdout, what it has to say, and whose file's tests come next.
 */
import { format } from 'node:util'
import Mocha from 'mocha'

/** What travels to the parent. */
export type TestEvent =
  | 'passed'
  | 'failed'
  | 'failedHooks'
  | 'skipped'
  | { readonly total: number }
  | { readonly keptOpen: readonly string[] }
  /** A piece of the report. */
  | { readonly said: string }
  /** The compiled spec file whose tests begin. */
  | { readonly file: string }
  /** All tests have run; the summary follows. */
  | { readonly filesDone: true }

const openDeadlineMs = 5_000

const { EVENT_TEST_PASS, EVENT_TEST_FAIL, EVENT_TEST_PENDING, EVENT_SUITE_BEGIN, EVENT_SUITE_END, EVENT_RUN_END } = Mocha.Runner.constants

class CountingReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options?: Mocha.MochaOptions) {
    // Before the reporter's own listeners: a file begins before its first heading.
    if ((options?.reporterOptions as { told?: unknown } | undefined)?.told !== undefined) tellReport(runner)
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

/** Through the channel, in order with the other events: stdout would come at its own pace. */
function tellReport(runner: Mocha.Runner): void {
  Object.assign(Mocha.reporters.Base, { consoleLog: (...words: unknown[]) => tell({ said: `${format(...words)}\n` }) })
  runner.on(EVENT_SUITE_BEGIN, ({ parent, file }) => {
    if (parent?.root && file !== undefined) tell({ file })
  })
  runner.on(EVENT_SUITE_END, ({ root }) => {
    if (root) tell({ filesDone: true })
  })
}

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
