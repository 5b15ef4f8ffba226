import { expect } from 'chai'
import { Decimal, Double, isMap, kindOf, type Value } from '../../lib/values/index.ts'

/** Assert that two values are the same to the bit: kinds, signs of zero, order of elements; not the order of fields. */
export function sameValue(actual: Value, expected: Value, path = '$'): void {
  expect(kindOf(actual), `${path}: kind`).to.equal(kindOf(expected))
  if (Array.isArray(actual) && Array.isArray(expected)) {
    expect(actual.length, `${path}: length`).to.equal(expected.length)
    actual.forEach((element, index) => sameValue(element, expected[index]!, `${path}[${index}]`))
  } else if (isMap(actual) && isMap(expected)) {
    expect(Object.keys(actual).sort(), `${path}: fields`).to.deep.equal(Object.keys(expected).sort())
    for (const key of Object.keys(actual)) sameValue(actual[key]!, expected[key]!, `${path}.${key}`)
  } else {
    expect(comparable(actual), path).to.deep.equal(comparable(expected))
  }
}

function comparable(value: Value): unknown {
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : value
  if (value instanceof Double) return Object.is(value.value, -0) ? '-0' : value.value
  if (value instanceof Decimal) return value.digits
  return value instanceof Uint8Array ? [...value] : value
}
