/** Whether a text is Unicode: without half a surrogate pair, which UTF-8 can't hold. */
export function isWellFormed(text: string): boolean {
  // In Node since 20, in TypeScript's library since ES2024.
  return (text as string & { isWellFormed(): boolean }).isWellFormed()
}
