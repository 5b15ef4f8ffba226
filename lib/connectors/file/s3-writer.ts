/**
 * Writes exports of tables as DynamoDB itself writes them to S3: `AWSDynamoDB/<id>/data/*.json.gz` and their manifests. So they can be checked
 * when they are read, and a table can be made of them with ImportTable when they lie in a bucket. The id is the collection's name as a file's.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { exportManifests, exportsFolder, filesName, summaryName } from '../../formats/dynamodb/manifest.ts'
import { fileNameOf } from './limits.ts'

/** The data file of a collection, from the folder that is written. */
export function placeInExport(collection: string, gzip: boolean): string {
  const name = fileNameOf(collection)
  return `${exportsFolder}/${name}/data/${name}.json${gzip ? '.gz' : ''}`
}

/**
 * Write the manifests of a data file that is whole.
 *
 * @param folder the folder that is written
 * @returns the folders in it whose names are to be made durable
 */
export async function writeManifests(
  folder: string,
  written: { readonly collection: string; readonly file: string; readonly items: number; readonly startedAt: Date }
): Promise<readonly string[]> {
  const { collection, file, items, startedAt } = written
  const data = dirname(join(folder, file))
  const place = dirname(data)
  const md5 = createHash('md5')
  for await (const chunk of createReadStream(join(folder, file), { highWaterMark: 1 << 20 })) md5.update(chunk as Buffer)
  const files = [{ key: file, itemCount: items, md5: md5.digest('base64') }]
  for (const [name, text] of Object.entries(exportManifests(collection, basename(place), startedAt, files)))
    await writeFile(join(place, name), text, { flush: true })
  return [data, place, dirname(place)]
}

const manifests = [summaryName, filesName].flatMap(name => [name, name.replace('.json', '.md5'), name.replace('.json', '.checksum')])

/** Whether a folder holds such exports and nothing else, so that it may be replaced as a whole. */
export async function isS3Folder(path: string): Promise<boolean> {
  const holdsOnly = async (
    folder: string,
    isKnown: (name: string, isFolder: boolean) => boolean
  ): Promise<readonly string[] | undefined> => {
    const entries = await readdir(folder, { withFileTypes: true })
    if (!entries.every(entry => isKnown(entry.name, entry.isDirectory()))) return undefined
    return entries.flatMap(entry => (entry.isDirectory() ? [join(folder, entry.name)] : []))
  }
  const roots = await holdsOnly(path, (name, isFolder) => name === exportsFolder && isFolder)
  for (const root of roots ?? []) {
    const exports = await holdsOnly(root, (name, isFolder) => isFolder || name === '_started')
    if (!exports) return false
    for (const each of exports) {
      const isManifest = (name: string, isFolder: boolean): boolean =>
        isFolder ? name === 'data' : name === '_started' || manifests.includes(name)
      const isData = (name: string, isFolder: boolean): boolean => !isFolder && /\.json(?:\.gz)?$/.test(name)
      const [data] = (await holdsOnly(each, isManifest)) ?? []
      if (data === undefined || !(await holdsOnly(data, isData))) return false
    }
  }
  return roots !== undefined
}
