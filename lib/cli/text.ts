/** Numbers, times and names as a person reads them, and how wide they are on a terminal. */
import { formatCount } from '../values/format-count.ts'

export { formatCount, plural } from '../values/format-count.ts'

/** Decimal units, as disks and networks count: `812 B`, `3.2 MB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

/** Documents per second: `0.4/s`, `5,432/s`. */
export function formatRate(perSecond: number): string {
  return `${perSecond > 0 && perSecond < 9.95 ? perSecond.toFixed(1) : formatCount(perSecond)}/s`
}

/** `420 ms`, `8.1 s`, `4m 05s`, `3h 12m`, `2d 4h`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 999.5) return `${Math.round(Math.max(0, milliseconds))} ms`
  const seconds = milliseconds / 1000
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${String(whole % 60).padStart(2, '0')}s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)}h ${String(minutes % 60).padStart(2, '0')}m`
  return `${Math.floor(minutes / 1440)}d ${Math.floor((minutes % 1440) / 60)}h`
}

/** A time left: whole seconds, for an estimate knows no tenths. */
export function formatTimeLeft(milliseconds: number): string {
  return milliseconds < 59_500 ? `${Math.max(1, Math.round(milliseconds / 1000))} s` : formatDuration(milliseconds)
}

/** Names and ids come from databases: a control character in one must not steer the terminal. */
export function safe(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  )
}

const escapes = /\u001b\[[0-9;?]*[A-Za-z]/g
// Sets of characters by what they are take a millisecond to make: most texts have none of them.
const wide = (): RegExp =>
  (wideSet ??=
    /[\u1100-\u115f\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]|\p{scx=Han}|\p{scx=Hira}|\p{scx=Kana}|\p{scx=Hang}|\p{Emoji_Presentation}/u)
const zeroWidth = (): RegExp => (zeroWidthSet ??= /[\p{Mn}\p{Me}\p{Cf}]/u)
let wideSet: RegExp | undefined
let zeroWidthSet: RegExp | undefined

function characterWidth(character: string): number {
  if (character < '\u0300') return 1
  if (zeroWidth().test(character)) return 0
  return wide().test(character) ? 2 : 1
}

/** Columns that a text takes on a terminal, colours not counted. */
export function displayWidth(text: string): number {
  let width = 0
  for (const character of text.replace(escapes, '')) width += characterWidth(character)
  return width
}

/** Cut a text without colours to so many columns, the cut shown by `…`. */
export function fit(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text
  let kept = ''
  let width = 0
  for (const character of text) {
    width += characterWidth(character)
    if (width > columns - 1) break
    kept += character
  }
  return columns < 1 ? '' : `${kept}…`
}

export function padEnd(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - displayWidth(text)))
}

export function padStart(text: string, columns: number): string {
  return ' '.repeat(Math.max(0, columns - displayWidth(text))) + text
}

/** Break a text at its spaces, so that no line is wider than so many columns (a longer word stays whole). */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && displayWidth(line) + 1 + displayWidth(word) > columns) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return line === '' ? lines : [...lines, line]
}

/** A text in lines of so many columns, the first behind `first` and the others indented as far. */
export function indentedLines(text: string, first: string, columns = Infinity): string[] {
  const lines = columns === Infinity ? [text] : wrap(text, Math.max(20, columns - first.length))
  return lines.map((line, index) => (index === 0 ? first : ' '.repeat(first.length)) + line)
}

/** For whom lines are made. */
export interface View {
  /** Width to keep to; without a terminal there is none. */
  readonly columns?: number
  readonly style?: Style
  readonly nowMs: number
}

export type Style = Readonly<Record<'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan', (text: string) => string>>

/** Colours where they are wanted; the same functions without effect elsewhere. */
export function createStyle(enabled: boolean): Style {
  const paint = (open: number, close: number) => (text: string) =>
    enabled && text !== '' ? `\u001b[${open}m${text}\u001b[${close}m` : text
  return { bold: paint(1, 22), dim: paint(2, 22), red: paint(31, 39), green: paint(32, 39), yellow: paint(33, 39), cyan: paint(36, 39) }
}

export const plainStyle = createStyle(false)
