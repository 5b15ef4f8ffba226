/** What two lists of documents have differently, as a unified diff of their lines. */
import { diffArrays } from 'diff'
import type { Document } from '../types.ts'
import { documentLines } from './document-lines.ts'
import type { DocumentLine } from './document-lines.ts'
import { formatCount, plainStyle, safe } from './text.ts'
import type { Style } from './text.ts'

export interface DiffOptions {
  readonly style?: Style
  /** Lines around each change. Default 3. */
  readonly context?: number
  /** Most lines. Default: all. */
  readonly most?: number
  /** Equal numbers are no difference, of whatever kind: 1 and 1.0. */
  readonly byValue?: boolean
}

interface DiffLine extends DocumentLine {
  readonly sign: ' ' | '-' | '+'
}

/** Where more lines differ than these, all count as different: to find out costs their square. */
const mostEdits = 500

/** Empty where there is no difference. The order of fields is none. */
export function documentsDiff(before: readonly Document[], after: readonly Document[], options: DiffOptions = {}): string[] {
  const { style = plainStyle, context = 3, most = Infinity, byValue } = options
  const lines = diffOf(linesOf(before), linesOf(after, before, byValue))
  const shown = hunksOf(lines, context).flatMap(hunk => [
    ...(hunk.isFirst ? [] : [hunkTitle(hunk.lines[0]!, style)]),
    ...hunk.lines.map(({ sign, text }) => painted(sign, safe(`${sign} ${text}`), style))
  ])
  return shown.length <= most ? shown : [...shown.slice(0, most), style.dim(`  … ${formatCount(shown.length - most)} more lines`)]
}

/** Documents as they are, all of them new. */
export function newDocumentLines(documents: readonly Document[], { style = plainStyle, most = Infinity }: DiffOptions = {}): string[] {
  const lines = linesOf(documents).map(({ text }) => painted('+', safe(`+ ${text}`), style))
  return lines.length <= most ? lines : [...lines.slice(0, most), style.dim(`  … ${formatCount(lines.length - most)} more lines`)]
}

function hunkTitle({ path }: DiffLine, style: Style): string {
  return path === '' ? style.dim('  …') : style.cyan(`@@ ${safe(path)} @@`)
}

function painted(sign: DiffLine['sign'], text: string, style: Style): string {
  return sign === '-' ? style.red(text) : sign === '+' ? style.green(text) : style.dim(text)
}

function linesOf(documents: readonly Document[], like: readonly Document[] = [], byValue?: boolean): DocumentLine[] {
  return documents.flatMap((document, index) => {
    const other = like.find(({ _id }) => _id === document._id) ?? like[index]
    const lines = documentLines(document, { like: other, byValue })
    return documents.length === 1 ? lines : lines.map(({ text, path }) => ({ text, path: path === '' ? document._id : path }))
  })
}

function diffOf(before: DocumentLine[], after: DocumentLine[]): DiffLine[] {
  // A line that is no more the last one, or has become it, is the same line.
  const comparator = (a: DocumentLine, b: DocumentLine): boolean => bare(a) === bare(b)
  const parts = diffArrays(before, after, { comparator, maxEditLength: mostEdits })
  if (parts === undefined)
    return [...before.map(line => ({ ...line, sign: '-' as const })), ...after.map(line => ({ ...line, sign: '+' as const }))]
  return parts.flatMap(({ value, added, removed }) =>
    value.map(line => ({ ...line, sign: added ? ('+' as const) : removed ? ('-' as const) : (' ' as const) }))
  )
}

function bare({ text }: DocumentLine): string {
  return text.endsWith(',') ? text.slice(0, -1) : text
}

interface Hunk {
  readonly lines: readonly DiffLine[]
  /** Whether it begins where the documents begin. */
  readonly isFirst: boolean
}

/** Each change with the lines around it. */
function hunksOf(lines: readonly DiffLine[], context: number): Hunk[] {
  const hunks: Hunk[] = []
  let from = -1
  let until = -1
  const end = (): void => void (from >= 0 && hunks.push({ lines: lines.slice(from, until), isFirst: from === 0 }))
  for (const [index, { sign }] of lines.entries()) {
    if (sign === ' ') continue
    if (from < 0 || index - context > until) {
      end()
      // A bracket alone is no more than what would stand for it.
      from = index - context <= 1 ? 0 : index - context
    }
    until = index + context + 2 >= lines.length ? lines.length : index + context + 1
  }
  end()
  return hunks
}
