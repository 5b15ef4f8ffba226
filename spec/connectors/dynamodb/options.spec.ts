import { expect } from 'chai'
import { dynamodbConnector } from '../../../lib/connectors/dynamodb/index.ts'
import { configure, isLocalEndpoint } from '../../../lib/connectors/dynamodb/options.ts'
import { expectCode, silent } from './support.ts'

describe('dynamodb: options', () => {
  it('takes everything from the environment when named bare', () => {
    const environment = {
      DYNAMODB_REGION: 'eu-west-1',
      DYNAMODB_ENDPOINT_URL: 'http://127.0.0.1:8000',
      AWS_ACCESS_KEY_ID: 'a',
      AWS_SECRET_ACCESS_KEY: 'b'
    }
    expect(configure('dynamodb', environment)).to.deep.include({
      region: 'eu-west-1',
      endpoint: 'http://127.0.0.1:8000',
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' }
    })
  })

  it('has us-east-1 as region, or the one of the SDK', () => {
    expect(configure('dynamodb', {}).region).to.equal('us-east-1')
    expect(configure('dynamodb', { AWS_REGION: 'eu-north-1' }).region).to.equal('eu-north-1')
    expect(configure('dynamodb', { AWS_REGION: 'eu-north-1', DYNAMODB_REGION: 'us-west-2' }).region).to.equal('us-west-2')
  })

  it('takes region, endpoint, profile and consistency from a URL', () => {
    expect(configure('dynamodb://us-west-2?endpoint=http://127.0.0.1:8000&profile=work&consistent=false', {})).to.deep.equal({
      region: 'us-west-2',
      endpoint: 'http://127.0.0.1:8000',
      profile: 'work',
      consistentRead: false
    })
  })

  it('takes from a URL how long a call may take', async () => {
    expect(configure('dynamodb://us-west-2?timeoutMs=1500', {}).timeoutMs).to.equal(1_500)
    const { message } = await expectCode(() => configure('dynamodb://us-west-2?timeoutMs=soon', {}), 'DOCFERRY_CONFIG')
    expect(message).to.include('timeoutMs: a positive whole number')
  })

  it('takes no time limit that no timer can keep', async () => {
    await expectCode(() => configure('dynamodb://us-west-2?timeoutMs=3000000000', {}), 'DOCFERRY_CONFIG')
    for (const timeoutMs of [2 ** 31, -1, NaN]) {
      const options = { endpoint: 'http://127.0.0.1:1', timeoutMs }
      await expectCode(dynamodbConnector.openSource(options, { logger: silent }), 'DOCFERRY_CONFIG')
    }
  })

  it('sends a URL without an endpoint to AWS, whatever the environment says', () => {
    expect(configure('dynamodb://us-west-2', { DYNAMODB_ENDPOINT_URL: 'http://127.0.0.1:8000' }).endpoint).to.equal(undefined)
  })

  it('prefers a profile to keys in the environment, as the SDK does', () => {
    const options = configure('dynamodb://us-east-1?profile=work', { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' })
    expect(options.credentials).to.equal(undefined)
  })

  it('lists every issue at once, without the secret', async () => {
    const text = 'dynamodb://AKIA:hushhush@us-east-1:8000?endpoint=ftp://x&consistent=maybe&table=x'
    const { message } = await expectCode(() => configure(text, {}), 'DOCFERRY_CONFIG')
    for (const part of ['credentials', 'host and port', 'endpoint: a URL', 'consistent:', 'table: unknown'])
      expect(message).to.include(part)
    expect(message).not.to.include('hushhush')
  })

  it('tells an endpoint on this machine from one elsewhere', () => {
    for (const host of ['127.0.0.1', 'localhost', '[::1]', 'dynamodb-local', 'host.docker.internal'])
      expect(isLocalEndpoint(`http://${host}:8000`), host).to.equal(true)
    for (const host of ['dynamodb.us-east-1.amazonaws.com', '10.0.0.1', 'ddb.example.com'])
      expect(isLocalEndpoint(`https://${host}`), host).to.equal(false)
  })
})
