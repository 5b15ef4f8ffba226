/** What stands in the name of a file beside a run for names that are known later. */
export const collectionPlaceholder = '{collection}'
export const targetPlaceholder = '{target}'

/** The path with a name in place of its placeholder. No name leads to another folder. */
export function fillIn(path: string, placeholder: string, name: string): string {
  return path.replaceAll(placeholder, () => encodeURIComponent(name).replace(/^\.+/, dots => '%2E'.repeat(dots.length)))
}
