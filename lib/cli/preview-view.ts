/** What `docferry preview` tells. */
import { shortenId } from '../report.ts'
import type { Preview, PreviewedCollection, PreviewedDocument } from '../pipeline/preview.ts'
import type { Trouble } from '../pipeline/through-stages.ts'
import type { Document } from '../types.ts'
import { canonicalBytes, stringifyJson } from '../values/index.ts'
import { documentsDiff, newDocumentLines } from './document-diff.ts'
import { jsonOf } from './document-json.ts'
import { shortened, withTexts } from './document-lines.ts'
import type { Mask } from './secrets.ts'
import { formatCount, plainStyle, plural, safe } from './text.ts'
import type { Style } from './text.ts'

export interface PreviewView {
  readonly mask: Mask
  readonly style?: Style
  /** Long texts and documents as they are. */
  readonly full?: boolean
}

/** Lines of one document's difference, where not all are wanted. */
const mostLines = 60

export function previewLines({ source, collections }: Preview, view: PreviewView): string[] {
  const { mask, style = plainStyle } = view
  const all = collections.flatMap(({ documents }) => documents)
  return [
    `${style.bold('docferry preview')}  from ${source.provider} ${safe(mask(source.address))}; nothing is written`,
    ...collections.flatMap(collection => ['', ...collectionLines(collection, view)]),
    '',
    collections.length === 0 ? 'the source holds no collections' : sumLine(all)
  ]
}

function collectionLines(collection: PreviewedCollection, view: PreviewView): string[] {
  const { name, source, target, documents, others, troubles, rejects } = collection
  const { mask, style = plainStyle } = view
  const from = source === undefined ? '' : ` of ${source}`
  const to = target === name ? '' : ` -> ${target}`
  const count = documents.length === 0 ? 'no documents' : documents.length === 1 ? 'the first document' : `the first ${documents.length}`
  return [
    style.bold(safe(`${name}${from}${to}: ${count}`)),
    ...documents.flatMap(document => documentLines(document, view)),
    ...(others.length > 0
      ? [`  ${plural(others.length, 'document')} of other ids ${others.length === 1 ? 'comes' : 'come'} out:`, ...added(others, view)]
      : []),
    ...troubles.map(trouble => `  ${troubleText(trouble, view)}`),
    ...rejects.map(({ where, message }) => `  ${style.red('no document')}: ${safe(mask(`${where}: ${message}`))}`)
  ]
}

function documentLines(previewed: PreviewedDocument, view: PreviewView): string[] {
  const { before, after, leftOutBy, troubles } = previewed
  const { style = plainStyle, full = false } = view
  const title = `  ${safe(shortenId(before._id))}`
  const [only] = after
  const by = leftOutBy.length === 0 ? '' : ` by ${leftOutBy.join(' and ')}`
  const told = troubles.map(trouble => `    ${troubleText(trouble, view)}`)
  if (after.length > 0 && by !== '') told.push(`    ${style.yellow(safe(`some of it is left out${by}`))}`)
  if (after.length === 0) {
    if (told.length > 0) return [title, ...told]
    return [`${title}  ${style.yellow(safe(`left out${by}`))}`]
  }
  if (after.length === 1 && isSame(before, only!)) return [`${title}  ${style.dim('unchanged')}`, ...told]
  if (after.length > 1) return [`${title}  ${style.cyan(`becomes ${formatCount(after.length)} documents`)}`, ...added(after, view), ...told]
  const becomes = only!._id === before._id ? '' : `  ${style.cyan(safe(`becomes ${shortenId(only!._id)}`))}`
  const diff = documentsDiff([shown(before, view)], [shown(only!, view)], { style, context: 2, ...(full ? {} : { most: mostLines }) })
  const lines = diff.length === 0 ? [style.dim('what is different is masked')] : diff
  return [`${title}${becomes}`, ...lines.map(line => `    ${line}`), ...told]
}

function added(documents: readonly Document[], view: PreviewView): string[] {
  const { style = plainStyle, full = false } = view
  const most = full ? {} : { most: mostLines }
  return newDocumentLines(
    documents.map(document => shown(document, view)),
    { style, ...most }
  ).map(line => `    ${line}`)
}

function troubleText({ message, isDeadLetter }: Trouble, { mask, style = plainStyle }: PreviewView): string {
  return `${style.red(isDeadLetter ? 'a dead letter' : 'a run would end here')}: ${safe(mask(message))}`
}

function shown(document: Document, { mask, full = false }: PreviewView): Document {
  return withTexts(document, text => (full ? mask(text) : shortened(mask(text))))
}

/** To the kinds of numbers, and whatever the order of fields. */
function isSame(one: Document, other: Document): boolean {
  if (Buffer.compare(canonicalBytes(one), canonicalBytes(other)) !== 0) return false
  return stringifyJson(one) === stringifyJson(other) || documentsDiff([one], [other]).length === 0
}

function sumLine(documents: readonly PreviewedDocument[]): string {
  const count = (is: (document: PreviewedDocument) => boolean): number => documents.filter(is).length
  const unchanged = count(({ before, after }) => after.length === 1 && isSame(before, after[0]!))
  const parts = [
    [count(({ after }) => after.length > 0) - unchanged, 'changed'],
    [unchanged, 'unchanged'],
    [count(({ after, troubles }) => after.length === 0 && troubles.length === 0), 'left out'],
    [count(({ troubles }) => troubles.length > 0), 'failed']
  ] as const
  const told = parts.flatMap(([number, what]) => (number > 0 ? [`${number} ${what}`] : []))
  return [plural(documents.length, 'document'), ...told].join(', ')
}

/** Documents are whole there. */
export function previewJson({ source, collections }: Preview, mask: Mask): object {
  const plain = (document: Document): object => jsonOf(withTexts(document, mask))
  const masked = (troubles: readonly Trouble[]): Trouble[] => troubles.map(trouble => ({ ...trouble, message: mask(trouble.message) }))
  return {
    source: { provider: source.provider, address: mask(source.address) },
    collections: collections.map(({ documents, others, troubles, rejects, ...collection }) => ({
      ...collection,
      documents: documents.map(({ before, after, leftOutBy, troubles: own }) => ({
        before: plain(before),
        after: after.map(plain),
        ...(leftOutBy.length > 0 && { leftOutBy }),
        ...(own.length > 0 && { troubles: masked(own) })
      })),
      ...(others.length > 0 && { others: others.map(plain) }),
      ...(troubles.length > 0 && { troubles: masked(troubles) }),
      // Without what stood there.
      ...(rejects.length > 0 && { rejects: rejects.map(({ code, message, where }) => ({ code, message: mask(message), where })) })
    }))
  }
}

export function troublesIn({ collections }: Preview): readonly Trouble[] {
  return collections.flatMap(({ documents, troubles }) => [...troubles, ...documents.flatMap(document => document.troubles)])
}
