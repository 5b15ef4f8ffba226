/** What the pair specs move. */
import type { Document } from '../../lib/values/index.ts'
import { collectionNames, generate } from './generator.ts'
import { cities, countries } from './real-data.ts'

/** All countries, and every 40th city: over 3,500 documents in many scripts. `npm run pairs` moves all cities. */
export function realCollections({ everyCity = 40 } = {}): Record<string, Document[]> {
  return { countries: [...countries()], cities: [...cities()].filter((_, index) => index % everyCity === 0) }
}

/** Gofannon's six collections, small. */
export function gofannonCollections({ count = 40, seed = 7 } = {}): Record<string, Document[]> {
  return Object.fromEntries(collectionNames.map(collection => [collection, [...generate({ seed, collection, count })]]))
}
