import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { errorLines } from '../../lib/cli/exit.ts'
import { createMask } from '../../lib/cli/secrets.ts'
import { openSource, openTarget } from '../../lib/open.ts'
import { servers } from '../support/servers.ts'

describe('connectors: an address at which another service answers', function () {
  this.timeout(60_000)
  const failureOf = async (opening: Promise<{ close(): Promise<void> }>): Promise<string> => {
    try {
      await (await opening).close()
    } catch (error) {
      return errorLines(error, { mask: createMask([]) }).join('\n')
    }
    return 'it was opened'
  }

  it('is no DynamoDB where a CouchDB answers', async () => {
    const { url } = await servers.couchdb()
    for (const open of [openSource, openTarget]) {
      const text = await failureOf(open(`dynamodb://us-east-1?endpoint=${new URL(url).origin}`))
      expect(text).to.match(/^docferry: what answers at us-east-1 at http:\S+ is no DynamoDB/)
      expect(text).to.include('(exit 10)').and.include('\n  try: ')
    }
  })

  it('is no DynamoDB where the request is refused in other words than its own, as Apache CouchDB does', async () => {
    const server = createServer((_, response) => {
      response.writeHead(405, { 'content-type': 'application/json' }).end('{"error":"method_not_allowed","reason":"Only GET,HEAD allowed"}')
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    try {
      const { port } = server.address() as AddressInfo
      const text = await failureOf(openSource(`dynamodb://us-east-1?endpoint=http://127.0.0.1:${port}`))
      expect(text).to.include('is no DynamoDB').and.include('(exit 10)')
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })

  it('is no CouchDB where a DynamoDB answers', async () => {
    const { host } = new URL((await servers.dynamodb()).endpoint)
    for (const open of [openSource, openTarget]) {
      const text = await failureOf(open(`couchdb://${host}`))
      expect(text).to.match(/^docferry: what answers at http:\S+ is no CouchDB/)
      expect(text).to.include('(exit 10)').and.include('\n  try: ')
    }
  })
})
