/** The further options of a backup, an export, a restore and an import, from the texts that a user has given. */
import { configError } from './names.ts'

type Texts = Readonly<Record<string, string>>

/** @throws {DocferryError} DOCFERRY_CONFIG with every issue: what is not known here, and what each reader says */
export function readOptions<T extends object>(
  what: string,
  given: Texts = {},
  readers: { readonly [Key in keyof T]-?: readonly [name: string, read: (text: string) => T[Key]] }
): Partial<T> {
  const all = Object.entries(readers) as [keyof T, readonly [string, (text: string) => T[keyof T]]][]
  const names = all.map(([, [name]]) => name)
  const issues = Object.keys(given)
    .filter(name => !names.includes(name))
    .map(name => `${name}: not for ${what}, which takes ${names.join(', ') || 'no options'}`)
  const options: Partial<T> = {}
  for (const [key, [name, read]] of all) {
    const text = given[name]
    if (text === undefined) continue
    try {
      options[key] = read(text)
    } catch (error) {
      if (!(error instanceof Issue)) throw error
      issues.push(`${name}: ${error.message}`)
    }
  }
  if (issues.length > 0) throw configError(issues.join('; '))
  return options
}

class Issue extends Error {}

export function oneOf<T>(values: Readonly<Record<string, T>>): (text: string) => T {
  return text => {
    const found = values[text.toLowerCase()]
    if (found === undefined) throw new Issue(`one of ${Object.keys(values).join(', ')}`)
    return found
  }
}

export function matching(pattern: RegExp, meaning: string): (text: string) => string {
  return text => {
    if (!pattern.test(text)) throw new Issue(meaning)
    return text
  }
}

export function time(text: string): Date {
  const date = new Date(text)
  if (Number.isNaN(date.getTime())) throw new Issue('a moment such as 2026-11-22T10:00:00Z')
  return date
}

export interface KeyPart {
  readonly name: string
  readonly type: 'S' | 'N' | 'B'
}

/** `id`, or `id:N` for one that is no text. */
export function keyPart(text: string): KeyPart {
  const [, name, type = 'S'] = /^(.{1,255}?)(?::([SNB]))?$/.exec(text) ?? []
  if (name === undefined) throw new Issue('an attribute and its type: id, or id:N')
  return { name, type: type as KeyPart['type'] }
}

/** `a=b,c=d` */
export function renames(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split(',').map(pair => {
      const [from = '', to = '', ...more] = pair.split('=')
      if (from === '' || to === '' || more.length > 0) throw new Issue('written Old=new, with commas between several')
      return [from, to] as const
    })
  )
}

export const anyText = (text: string): string => text

export const formats = { dynamodb_json: 'DYNAMODB_JSON', ion: 'ION' } as const
export const compressions = { gzip: 'GZIP', zstd: 'ZSTD', none: 'NONE' } as const
export const bucketOwner = matching(/^\d{12}$/, 'the 12 digits of an AWS account')
