/** Conversions of documents that travel packed: how many there are is known, and where the first of them are is looked up. */
import { envelopedKinds } from '../packed.ts'
import type { Packed } from '../packed.ts'
import type { Document, OnConversion } from '../types.ts'
import type { ConversionCounter } from './conversion-counter.ts'
import { documentOf } from './counted.ts'

const newline = 0x0a

/** @param convert puts a document into the target's form, and tells what it converts */
export function countEnveloped(
  { text, enveloped = [] }: Packed,
  counter: ConversionCounter,
  convert: (document: Document, tell: OnConversion) => void
): void {
  const left = new Map<string, number>(envelopedKinds.flatMap((kind, at) => (enveloped[at]! > 0 ? [[kind, enveloped[at]!]] : [])))
  const tell: OnConversion = (kind, conversion, path) => {
    left.set(kind, left.get(kind)! - 1)
    counter.onConversion(kind, conversion, path)
  }
  const isShown = (): boolean =>
    envelopedKinds.every(kind => (left.get(kind) ?? 0) === 0 || counter.hasExamples({ kind, conversion: 'enveloped' }))
  for (let from = 0; from < text.length && !isShown();) {
    const end = text.indexOf(newline, from)
    const line = text.subarray(from, end)
    from = end + 1
    if (!line.includes('"$')) continue
    const document = documentOf(line)
    convert(document, tell)
    counter.count(document._id)
  }
  for (const kind of envelopedKinds) counter.add({ kind, conversion: 'enveloped' }, left.get(kind) ?? 0)
}
