/** What a path of a query leads to: through maps by name, through lists by index or into each of their members. */
import { isMap } from '../../values/index.ts'
import type { Value } from '../../values/index.ts'

/** Asked of each value at the end of a path; of undefined where the path ends before. */
export type LeafTest = (leaf: Value | undefined) => boolean

/** Whether some value that `selector` (`a.b.0.c`) leads to passes. */
export function someLeaf(selector: string, test: LeafTest): (holder: Value) => boolean {
  if (!selector.includes('.')) return holder => visit(holder, [selector], 0, test)
  const steps = selector.split('.')
  return holder => visit(holder, steps, 0, test)
}

function visit(value: Value | undefined, steps: readonly string[], depth: number, test: LeafTest): boolean {
  if (depth === steps.length) return test(value)
  const step = steps[depth]!
  if (Array.isArray(value)) return visitMembers(value, steps, depth, test)
  return isMap(value) && Object.hasOwn(value, step) ? visit(value[step], steps, depth + 1, test) : test(undefined)
}

function visitMembers(list: readonly Value[], steps: readonly string[], depth: number, test: LeafTest): boolean {
  const step = steps[depth]!
  const isIndex = /^\d+$/.test(step)
  let found = false
  if (isIndex && Number(step) < list.length) {
    if (visit(list[Number(step)], steps, depth + 1, test)) return true
    found = true
  }
  for (const member of list) {
    if (!isMap(member) || (isIndex && !Object.hasOwn(member, step))) continue
    if (visit(member, steps, depth, test)) return true
    found = true
  }
  return !found && test(undefined)
}
