/** What the short forms of several stages on the command line have in common. */

/**
 * `a,b.c,"d,e"`: texts with commas between them.
 *
 * @throws {SyntaxError}
 */
export function names(argument: string): string[] {
  const list = split(argument, ',')
  if (list.some(name => name === '')) throw new SyntaxError('a field name is missing')
  return list
}

/**
 * `a=b,c=d`
 *
 * @throws {SyntaxError}
 */
export function pairs(argument: string): Record<string, string> {
  return Object.fromEntries(
    names(argument).map(pair => {
      const [from = '', to = '', ...more] = split(pair, '=')
      if (from === '' || to === '' || more.length > 0) throw new SyntaxError('a pair of names is needed')
      return [from, to]
    })
  )
}

/** Not inside of double quotes, in which a path holds names of any kind. */
function split(text: string, separator: string): string[] {
  const parts = ['']
  for (const [piece] of text.matchAll(/"(?:[^"\\]|\\.)*"|[^]/gu)) {
    if (piece === separator) parts.push('')
    else parts[parts.length - 1] += piece
  }
  return parts.map(part => part.trim())
}
