/** What every export holds: all values, of any size. */
import type { Facts } from '../../contracts/inspection.ts'
import { valueKinds } from '../../values/index.ts'
import { encodeLine } from './encode.ts'
import { checkName } from './limits.ts'

export const facts: Facts = {
  title: 'a file',
  collection: 'section',
  gives: valueKinds,
  checkCollection: checkName,
  encode: encodeLine
}
