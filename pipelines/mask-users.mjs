/**
 * Users without personal data, for a staging system: a stage of your own, between any two ends.
 *
 *   node pipelines/mask-users.mjs backup.json masked.ndjson.gz
 *   node pipelines/mask-users.mjs couchdb://admin:secret@localhost:5984 memory:staging.json
 */
import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { createReadStream, createWriteStream, toTransform } from 'docferry'

const [source, target] = process.argv.slice(2)
if (!source || !target) throw new Error('usage: node pipelines/mask-users.mjs SOURCE TARGET')

const mask = {
  name: 'mask',
  // The ids stay as they are, so that no two documents can leave with the same one.
  mayRepeatIds: false,
  apply({ api_keys, billing_info, basic_info, ...user }) {
    const email = createHash('sha256').update(String(basic_info?.email)).digest('hex').slice(0, 12)
    return { ...user, basic_info: { ...basic_info, display_name: 'Somebody', picture_url: null, email: `${email}@example.com` } }
  }
}

const environment = process.env
const writer = createWriteStream(target, 'users', { environment })
await pipeline(createReadStream(source, 'users', { environment }), toTransform([mask]), writer)
console.log(`${writer.counts.written} users written`)
