/** A table's key as a user names it, for items that are in a file: nothing in an export tells what the key of its table is. */
import { DocferryError } from '../../errors.ts'
import { documentKey } from './keys.ts'
import type { KeyAttribute, TableKey } from './keys.ts'
import type { ItemJson } from './values.ts'

/** A key whose types may be unknown until an item is seen. */
export type KeyNames = readonly { readonly name: string; readonly type?: KeyAttribute['type'] }[]

const types = ['S', 'N', 'B'] as const

/**
 * @param text `pk`, or `pk,sk` with a sort key; each perhaps with its type (`pk:S,sk:N`). A comma in a name is written `\,`
 * @throws {DocferryError} DOCFERRY_CONFIG
 */
export function parseKey(text: string): KeyNames {
  const names = text.split(/(?<!\\),/).map(part => {
    const [, name = '', type] = /^(.*?)(?::([SNB]))?$/s.exec(part.trim().replaceAll('\\,', ',')) ?? []
    return { name, ...(type !== undefined && { type: type as KeyAttribute['type'] }) }
  })
  const isKey = names.length <= 2 && names.every(({ name }) => name !== '') && new Set(names.map(({ name }) => name)).size === names.length
  if (isKey) return names
  throw new DocferryError(
    'DOCFERRY_CONFIG',
    `key: ${JSON.stringify(text)} is no key of a table: name its partition key and, if it has one, its sort key, as in pk or pk,sk:N`
  )
}

/** The key of a table that will be written: text where nothing else is said. */
export function keyToWrite(names: KeyNames | undefined): TableKey {
  return names?.map(({ name, type = 'S' }) => ({ name, type })) ?? documentKey
}

/**
 * The key of the table that an item is from.
 *
 * @returns undefined where the item has no such key
 */
export function keyOfItem(names: KeyNames | undefined, item: ItemJson): TableKey | undefined {
  if (!names) return item['_id']?.S === undefined ? undefined : documentKey
  const key: KeyAttribute[] = []
  for (const { name, type } of names) {
    const value = Object.hasOwn(item, name) ? item[name] : undefined
    const found = types.find(each => value?.[each] !== undefined && (type ?? each) === each)
    if (found === undefined) return undefined
    key.push({ name, type: found })
  }
  return key
}

/** What to say of a table whose items lack the key. Names of attributes are no contents. */
export function unknownKey(where: string, names: KeyNames | undefined, item: ItemJson): DocferryError {
  const most = 8
  const held = Object.keys(item)
  const listed = held.slice(0, most).map(each => JSON.stringify(each))
  const attributes = `its first item has ${listed.join(', ')}${held.length > most ? ` and ${held.length - most} more` : ''}`
  const what = names
    ? `no item of a table with the key ${names.map(({ name, type }) => name + (type === undefined ? '' : `:${type}`)).join(',')}`
    : 'items without a string _id, and nothing in it tells the key of their table'
  return new DocferryError(
    'DOCFERRY_CONFIG',
    `${where} holds ${what}: say it with --key pk or --key pk,sk (in an address: file:PATH?key=pk,sk); ${attributes}`
  )
}
