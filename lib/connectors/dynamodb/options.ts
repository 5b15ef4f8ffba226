/** What the connector needs to know, from an address, the environment, or a program. */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { timeIssue } from '../../engine/time-option.ts'
import { DocferryError } from '../../errors.ts'
import type { Environment } from '../../types.ts'

export interface DynamodbOptions {
  /** Default `us-east-1`, as Gofannon's. */
  readonly region?: string
  /** Where DynamoDB answers, when it is not AWS itself: DynamoDB Local, LocalStack, a VPC endpoint. */
  readonly endpoint?: string
  /** A profile of the AWS configuration files. */
  readonly profile?: string
  /**
   * Default: the AWS SDK's own chain (environment, configuration files, container, instance). For an endpoint on this machine or on a
   * host of one word (`dynamodb-local`) without any: made-up ones, which DynamoDB Local takes. Never for AWS itself.
   */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string }
  /**
   * Read what was acknowledged before the read began. Default true: a copy must not miss a write of the last second. It costs twice the
   * read units of `false`, which is enough for a table that nobody writes to.
   */
  readonly consistentRead?: boolean
  /** Longest time for one call, in milliseconds, its answer included. Default 30,000. */
  readonly timeoutMs?: number
  /** A ready client, with its own region, endpoint, credentials and retries; it is not closed. The options that say so are not used. */
  readonly client?: DynamoDBClient
}

const parameters = ['endpoint', 'profile', 'consistent', 'timeoutMs']

/**
 * `dynamodb`: region from DYNAMODB_REGION, AWS_REGION or AWS_DEFAULT_REGION, endpoint from DYNAMODB_ENDPOINT_URL or the SDK's variables.
 * `dynamodb://us-east-1?endpoint=http://127.0.0.1:8000&profile=name&consistent=false&timeoutMs=30000`: what it does not say is AWS's own, not the
 * environment's; only credentials, and a profile, come from there.
 *
 * @throws {DocferryError} DOCFERRY_CONFIG with every issue
 */
export function configure(text: string, environment: Environment): DynamodbOptions {
  const issues: string[] = []
  const options = text === 'dynamodb' ? fromEnvironment(environment) : fromUrl(text, environment, issues)
  if (options.region !== undefined && !/^[a-z0-9-]+$/i.test(options.region))
    issues.push('region: letters, digits and hyphens, as in us-east-1')
  if (options.endpoint !== undefined) checkEndpoint(options.endpoint, issues)
  if (issues.length > 0) throw new DocferryError('DOCFERRY_CONFIG', `dynamodb: ${issues.join('; ')}`, { provider: 'dynamodb' })
  return { ...options, ...credentialsFrom(environment, options) }
}

function fromEnvironment(environment: Environment): DynamodbOptions {
  const { DYNAMODB_REGION, AWS_REGION, AWS_DEFAULT_REGION, AWS_PROFILE, DYNAMODB_ENDPOINT_URL } = environment
  return {
    region: DYNAMODB_REGION || AWS_REGION || AWS_DEFAULT_REGION || 'us-east-1',
    endpoint: DYNAMODB_ENDPOINT_URL || environment.AWS_ENDPOINT_URL_DYNAMODB || environment.AWS_ENDPOINT_URL || undefined,
    profile: AWS_PROFILE || undefined
  }
}

function fromUrl(text: string, environment: Environment, issues: string[]): DynamodbOptions {
  if (!text.startsWith('dynamodb://') || !URL.canParse(text)) {
    issues.push('write dynamodb, or dynamodb://region?endpoint=http://host:port&profile=name&consistent=true|false&timeoutMs=30000')
    return {}
  }
  const url = new URL(text)
  if (url.username || url.password)
    issues.push('credentials do not belong in the address: use AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or profile=name')
  if (url.port || (url.pathname && url.pathname !== '/'))
    issues.push('the address is a region; a host and port go into ?endpoint=http://host:port')
  const consistent = url.searchParams.get('consistent')
  if (consistent !== null && consistent !== 'true' && consistent !== 'false') issues.push('consistent: true or false')
  const timeout = url.searchParams.get('timeoutMs')
  const late = timeIssue('timeoutMs', timeout === null ? undefined : wholeNumber(timeout))
  if (late) issues.push(late)
  for (const name of url.searchParams.keys()) {
    if (!parameters.includes(name)) issues.push(`${name}: unknown; there are ${parameters.join(', ')}`)
  }
  return {
    region: url.hostname || fromEnvironment(environment).region,
    endpoint: url.searchParams.get('endpoint') ?? undefined,
    profile: url.searchParams.get('profile') ?? (environment.AWS_PROFILE || undefined),
    ...(consistent === null ? {} : { consistentRead: consistent === 'true' }),
    ...(timeout === null ? {} : { timeoutMs: Number(timeout) })
  }
}

function wholeNumber(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : NaN
}

/** Of options that a program has made. @throws {DocferryError} DOCFERRY_CONFIG */
export function checkTimes({ timeoutMs }: DynamodbOptions): void {
  const issue = timeIssue('timeoutMs', timeoutMs)
  if (issue) throw new DocferryError('DOCFERRY_CONFIG', `dynamodb: ${issue}`, { provider: 'dynamodb' })
}

function checkEndpoint(endpoint: string, issues: string[]): void {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (!url || !/^https?:$/.test(url.protocol)) issues.push('endpoint: a URL that begins with http:// or https://')
  else if (url.username || url.password) issues.push('endpoint: no user or password in it')
}

/** A named profile goes before keys in the environment, as in the AWS SDK. */
function credentialsFrom(environment: Environment, { profile }: DynamodbOptions): Pick<DynamodbOptions, 'credentials'> {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: sessionToken } = environment
  if (profile || !accessKeyId || !secretAccessKey) return {}
  return { credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) } }
}

/** Whether an endpoint is on this machine, or a host of one word as containers have. */
export function isLocalEndpoint(endpoint: string): boolean {
  const { hostname } = new URL(endpoint)
  return /^(?:127\.[\d.]+|\[::1\]|0\.0\.0\.0|[^.:]+|[^.]+\.localhost|host\.docker\.internal)$/.test(hostname)
}
