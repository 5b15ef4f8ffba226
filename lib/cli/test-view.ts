/** What `docferry test` tells. */
import type { TestResult } from '../pipeline/run-tests.ts'
import type { Trouble } from '../pipeline/through-stages.ts'
import type { Document } from '../types.ts'
import { documentsDiff } from './document-diff.ts'
import { withTexts } from './document-lines.ts'
import { jsonOf } from './document-json.ts'
import type { Mask } from './secrets.ts'
import { plainStyle, plural, safe } from './text.ts'
import type { Style } from './text.ts'

interface TestView {
  readonly mask: Mask
  readonly style?: Style
}

export function testLines({ test, passed, ...result }: TestResult, { mask, style = plainStyle }: TestView): string[] {
  const name = safe(mask(test.name))
  if (passed) return [`  ${style.green('ok')}    ${name}`]
  const masked = (documents: readonly Document[]): Document[] => documents.map(document => withTexts(document, mask))
  const diff = result.isRightOut ? [] : documentsDiff(masked(test.out), masked(result.out), { style, byValue: true })
  return [
    `  ${style.red(style.bold('FAIL'))}  ${name} ${style.dim(`(${safe(test.place)})`)}`,
    ...troublesOf({ test, passed, ...result }).map(line => `        ${safe(mask(line))}`),
    ...(result.isRightOut ? [] : [`        ${style.red('- expected')} ${style.green('+ came out')}`]),
    ...(diff.length > 0 || result.isRightOut ? diff : ['only what is masked differs']).map(line => `        ${line}`)
  ]
}

/** What is wrong beside the documents. */
function troublesOf({ test: { fails }, troubles, notFailed }: TestResult): string[] {
  const isExpected = ({ id }: Trouble): boolean => fails === true || (typeof fails === 'object' && fails.includes(id ?? ''))
  return [
    ...troubles
      .filter(trouble => !isExpected(trouble))
      .map(({ message, isDeadLetter }) => `${isDeadLetter ? 'a dead letter' : 'a run would end here'}: ${message}`),
    ...(fails === true && troubles.length === 0 ? ['no stage has failed, and one should (fails: true)'] : []),
    ...notFailed.map(id => `no stage has failed for ${id}, and one should (fails)`)
  ]
}

export function sumLine(results: readonly TestResult[], { style = plainStyle }: Pick<TestView, 'style'>): string {
  const failed = results.filter(({ passed }) => !passed).length
  const count = plural(results.length, 'test')
  return failed === 0 ? `${count} passed` : style.bold(`${count}, ${failed} failed`)
}

export function testJson({ test, passed, out, isRightOut, troubles, notFailed }: TestResult, mask: Mask): object {
  const plain = (documents: readonly Document[]): object[] => documents.map(document => jsonOf(withTexts(document, mask)))
  return {
    name: test.name,
    place: test.place,
    collection: test.collection,
    passed,
    ...(isRightOut ? {} : { expected: plain(test.out), out: plain(out) }),
    ...(troubles.length > 0 && { troubles: troubles.map(trouble => ({ ...trouble, message: mask(trouble.message) })) }),
    ...(notFailed.length > 0 && { notFailed })
  }
}
