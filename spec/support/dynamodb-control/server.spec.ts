import { expect } from 'chai'
import { backupBench } from '../../connectors/dynamodb/backups/support.ts'
import { issuesOf } from './model.ts'

const signed =
  'AWS4-HMAC-SHA256 Credential=AKIASPEC/20261122/us-east-1/dynamodb/aws4_request, SignedHeaders=host;x-amz-date, Signature=' +
  'a'.repeat(64)
const headers = {
  'content-type': 'application/x-amz-json-1.0',
  'x-amz-target': 'DynamoDB_20120810.ListBackups',
  'x-amz-date': '20261122T120000Z',
  authorization: signed
}

describe('a server of DynamoDB’s protocol', () => {
  const bench = backupBench()

  async function post(changed: Readonly<Record<string, string | undefined>>, body = '{}'): Promise<string> {
    const sent = Object.entries({ ...headers, ...changed }).filter((entry): entry is [string, string] => entry[1] !== undefined)
    const response = await fetch(bench.server.endpoint, { method: 'POST', headers: sent, body })
    const { __type = 'none' } = (await response.json()) as { __type?: string }
    return __type.replace(/^.*#/, '')
  }

  it('answers what is right', async () => {
    expect(await post({})).to.equal('none')
  })

  for (const [what, changed, error] of [
    ['no signature', { authorization: undefined }, 'MissingAuthenticationTokenException'],
    ['a signature of another service', { authorization: signed.replace('/dynamodb/', '/s3/') }, 'IncompleteSignatureException'],
    ['a signature for another region', { authorization: signed.replace('us-east-1', 'eu-west-1') }, 'IncompleteSignatureException'],
    ['no date', { 'x-amz-date': undefined }, 'IncompleteSignatureException'],
    ['another content type', { 'content-type': 'application/json' }, 'SerializationException'],
    ['another operation', { 'x-amz-target': 'DynamoDB_20120810.MakeCoffee' }, 'UnknownOperationException'],
    ['another API', { 'x-amz-target': 'Other_1.ListBackups' }, 'UnknownOperationException']
  ] as const) {
    it(`refuses ${what}`, async () => {
      expect(await post(changed)).to.equal(error)
    })
  }

  it('refuses a member that is not known', async () => {
    expect(await post({}, '{"TableNam":"agents"}')).to.equal('ValidationException')
  })

  for (const [operation, request, words] of [
    ['CreateBackup', { TableName: 'agents' }, "null at 'BackupName'"],
    ['CreateBackup', { TableName: 'agents', BackupName: 'a b' }, 'regular expression pattern'],
    ['CreateBackup', { TableName: 'agents', BackupName: 'ab' }, 'greater than or equal to 3'],
    ['DescribeBackup', { BackupArn: 'short' }, 'greater than or equal to 37'],
    ['ListBackups', { BackupType: 'MINE' }, 'enum value set'],
    ['ListExports', { MaxResults: 26 }, 'from 1 to 25'],
    [
      'UpdateContinuousBackups',
      { TableName: 'agents', PointInTimeRecoverySpecification: { RecoveryPeriodInDays: 36 } },
      "'PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled'"
    ],
    [
      'ImportTable',
      { S3BucketSource: { S3Bucket: '-x' }, InputFormat: 'DYNAMODB_JSON', TableCreationParameters: {} },
      "'S3BucketSource.S3Bucket'"
    ]
  ] as const) {
    it(`finds what is wrong with ${operation} ${JSON.stringify(request)}`, () => {
      expect(issuesOf(operation, request).join('\n')).to.include(words)
    })
  }
})
