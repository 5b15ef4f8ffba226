import { expect } from 'chai'
import { WorkThread } from '../../lib/work/work-thread.ts'

/** Answers with the task; `end` ends it, `fail` fails. */
const echo = `
  import { parentPort, workerData } from 'node:worker_threads'
  parentPort.on('message', task => {
    if (task === 'end') process.exit(3)
    parentPort.postMessage(task === 'fail' ? { failure: 'no' } : { answer: workerData + task })
  })
  parentPort.postMessage('ready')
`
const threadOf = (code: string): WorkThread<string, string> =>
  new WorkThread(new URL(`data:text/javascript,${encodeURIComponent(code)}`), { name: 'test', setup: 'did ' })
const messageOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'it did not fail',
    (error: Error) => error.message
  )

describe('WorkThread', function () {
  this.timeout(30_000)
  let thread: WorkThread<string, string>
  afterEach(async () => await thread.close())

  it('answers tasks in their order', async () => {
    thread = threadOf(echo)
    await thread.loaded
    const tasks = ['a', 'b', 'fail', 'c'].map(task => messageOf(thread.run(task)).then(message => message))
    expect(thread.load).to.equal(4)
    expect(await Promise.all(tasks)).to.deep.equal(['it did not fail', 'it did not fail', 'no', 'it did not fail'])
    expect(await thread.run('d')).to.equal('did d')
    expect(thread.load).to.equal(0)
    expect(thread.failure).to.equal(undefined)
  })

  it('fails what it has not done when it ends, and what comes later', async () => {
    thread = threadOf(echo)
    const tasks = ['a', 'end', 'b'].map(task => messageOf(thread.run(task)))
    expect(await Promise.all(tasks)).to.deep.equal(['it did not fail', 'it ended with code 3', 'it ended with code 3'])
    expect(thread.isReady).to.equal(false)
    expect(await messageOf(thread.run('c'))).to.equal('it ended with code 3')
  })

  it('says why it could not begin', async () => {
    thread = threadOf(`throw new TypeError('not today')`)
    await thread.loaded
    expect(thread.failure).to.include('not today')
    expect(thread.isReady).to.equal(false)
  })

  it('can be closed before it has loaded', async () => {
    for (let round = 0; round < 5; round++) {
      thread = threadOf(echo)
      await thread.close()
      expect(thread.failure).to.equal(undefined)
    }
  })
})
