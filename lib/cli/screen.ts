/** A live block of lines at the bottom of a terminal, with ordinary lines scrolling past above it. */
import { displayWidth } from './text.ts'

/** The part of a terminal's stream that is used. */
export interface TerminalStream {
  readonly columns?: number | undefined
  readonly rows?: number | undefined
  write(text: string): unknown
}

const hideCursor = '\u001b[?25l'
const showCursor = '\u001b[?25h'
const eraseLine = '\u001b[K'
const eraseBelow = '\u001b[J'

/** State with a lifetime: what is drawn now. `stop` gives the terminal back. */
export class Screen {
  readonly #stream: TerminalStream
  #drawn: readonly string[] = []
  #cursorHidden = false

  constructor(stream: TerminalStream) {
    this.#stream = stream
  }

  get columns(): number {
    return this.#stream.columns || 80
  }

  get rows(): number {
    return this.#stream.rows || 24
  }

  /** Replace the block. One write per frame, so that nothing flickers. */
  draw(lines: readonly string[]): void {
    const hide = this.#cursorHidden ? '' : hideCursor
    this.#cursorHidden = true
    this.#stream.write(hide + this.#toTop() + lines.map(line => `${line}${eraseLine}\n`).join('') + eraseBelow)
    this.#drawn = lines
  }

  /** Write whole lines above the block. */
  write(text: string): void {
    const block = this.#drawn
    this.#stream.write(this.#toTop() + (block.length > 0 ? eraseBelow : '') + text + block.map(line => `${line}${eraseLine}\n`).join(''))
  }

  /** @param keep leave the block where it is, as the last word */
  stop(keep = false): void {
    const clear = keep || this.#drawn.length === 0 ? '' : this.#toTop() + eraseBelow
    if (clear !== '' || this.#cursorHidden) this.#stream.write(clear + (this.#cursorHidden ? showCursor : ''))
    this.#drawn = []
    this.#cursorHidden = false
  }

  /** The terminal may have become narrower since the block was drawn, and has then wrapped its lines. */
  #toTop(): string {
    const height = this.#drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(displayWidth(line) / this.columns)), 0)
    return height === 0 ? '' : `\u001b[${height}A\r`
  }
}
