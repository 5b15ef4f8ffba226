/**
 * Google's gRPC protocol of Firestore's Admin API, from the vendor's own description of it (the descriptors in `@google-cloud/firestore`): which
 * methods there are, how messages are coded, which fields are required, what names look like, and what a call must say for its routing.
 */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

export interface MessageType {
  readonly fields: Readonly<Record<string, Field>>
  decode(bytes: Uint8Array): object
  encode(message: object): { finish(): Uint8Array }
  fromObject(plain: object): object
  toObject(message: object, options: object): Plain
}

interface Field {
  readonly options?: Readonly<Record<string, unknown>>
  readonly map?: boolean
  /** Of a field that holds messages, once one was decoded. */
  readonly resolvedType?: { readonly fields?: MessageType['fields'] } | null
}

interface Method {
  readonly name: string
  readonly requestType: string
  readonly responseType: string
  readonly responseStream?: boolean
  readonly parsedOptions?: readonly Readonly<Record<string, unknown>>[]
}

interface Service {
  readonly methods: Readonly<Record<string, Method>>
  lookupType(name: string): MessageType
}

interface Root {
  lookupService(name: string): Service
  lookupType(name: string): MessageType
}

/** A decoded message: 64-bit numbers are texts, enums their names, what is not set has its default. */
export type Plain = Record<string, unknown>

interface Metadata {
  get(key: string): readonly (string | Buffer)[]
}

export interface Call {
  readonly request: Buffer
  readonly metadata: Metadata
  write(answer: Plain): void
  end(): void
}

type Callback = (error: object | null, answer?: Plain) => void

interface GrpcServer {
  addService(definition: object, handlers: object): void
  bindAsync(address: string, credentials: unknown, callback: (error: Error | null, port: number) => void): void
  forceShutdown(): void
}

interface Gax {
  readonly grpc: { readonly Server: new () => GrpcServer; readonly ServerCredentials: { createInsecure(): unknown } }
  protobufFromJSON(json: object): Root
}

const here = createRequire(import.meta.url)
const vendorPath = here.resolve('@google-cloud/firestore')
export const gax = createRequire(vendorPath)('google-gax') as Gax

const descriptorOf = (file: string): Root => gax.protobufFromJSON(here(join(dirname(vendorPath), '..', 'protos', file)) as object)
const admin = descriptorOf('admin_v1.json')
const data = descriptorOf('v1.json')

/** In the order in which they are looked through. */
export const services = {
  'google.firestore.admin.v1.FirestoreAdmin': admin,
  'google.longrunning.Operations': admin,
  'google.firestore.v1.Firestore': data
} as const

export function messageType(name: string): MessageType {
  return admin.lookupType(name)
}

export function encodeAny(type: string, plain: object): { type_url: string; value: Uint8Array } {
  const message = messageType(type)
  return { type_url: `type.googleapis.com/${type}`, value: message.encode(message.fromObject(plain)).finish() }
}

/** What a call is refused by. */
export class StatusError extends Error {
  readonly code: number
  readonly details: string
  constructor(code: number, details: string) {
    super(details)
    this.code = code
    this.details = details
  }
}

const invalidArgument = 3

export function refuse(details: string): never {
  throw new StatusError(invalidArgument, details)
}

/** The names and paths of the operations are another service's: Google binds them to this one's in the client that it generates. */
const operationPaths: Readonly<Record<string, string>> = {
  ListOperations: '/v1/{name=projects/*/databases/*}/operations',
  GetOperation: '/v1/{name=projects/*/databases/*/operations/*}',
  DeleteOperation: '/v1/{name=projects/*/databases/*/operations/*}',
  CancelOperation: '/v1/{name=projects/*/databases/*/operations/*}:cancel'
}

/** Refuse what Google's front end refuses, or sends nowhere: before the method sees it. */
function checkRequest(method: Method, type: MessageType, bytes: Buffer, metadata: Metadata): Plain {
  const decoded = type.decode(bytes)
  const again = type.encode(decoded).finish()
  if (!bytes.equals(again)) refuse(`${method.name}: the message has fields that ${method.requestType} has not`)
  const request = type.toObject(decoded, { longs: String, enums: String, defaults: true, bytes: Buffer })
  checkFields(method.name, type.fields, decoded)
  checkRouting(method, request, metadata)
  return request
}

/** In messages within messages too. Stricter than the service in one point: what only it may set is refused, not ignored (https://google.aip.dev/203). */
function checkFields(place: string, fields: MessageType['fields'], message: object): void {
  for (const [name, { options, map, resolvedType }] of Object.entries(fields)) {
    const behaviour = [options?.['(google.api.field_behavior)']].flat()
    // What was not sent is in the prototype only.
    const value: unknown = Object.hasOwn(message, name) ? (message as Plain)[name] : undefined
    const isUnset = value === undefined || value === null || value === ''
    if (behaviour.includes('REQUIRED') && isUnset) refuse(`${place}: ${name} is required`)
    if (behaviour.includes('OUTPUT_ONLY') && !isUnset) refuse(`${place}: ${name} is output only`)
    if (isUnset || map || !resolvedType?.fields) continue
    for (const inner of [value].flat()) checkFields(`${place}: ${name}`, resolvedType.fields, inner)
  }
}

function checkRouting(method: Method, request: Plain, metadata: Metadata): void {
  const wanted = new Map<string, string>()
  const options = Object.assign({}, ...(method.parsedOptions ?? [])) as Plain
  const rule = options['(google.api.routing)'] as { routing_parameters: readonly { field: string; path_template: string }[] } | undefined
  const http = (options['(google.api.http)'] ?? {}) as Readonly<Record<string, string>>
  const path = operationPaths[method.name] ?? http.get ?? http.post ?? http.patch ?? http.delete ?? ''
  for (const [, field = '', pattern = ''] of path.matchAll(/\{([\w.]+)=([^}]+)\}/g)) {
    const value = valueAt(request, field)
    if (!likePattern(pattern).test(value)) refuse(`${method.name}: ${field} ${JSON.stringify(value)} is not of the form ${pattern}`)
    if (rule === undefined) wanted.set(field, value)
  }
  for (const { field, path_template: template } of rule?.routing_parameters ?? []) {
    const [, key = '', inner = ''] = /\{(\w+)=([^}]+)\}/.exec(template) ?? []
    const [before = ''] = template.split('{')
    const found = new RegExp(`^${before.replaceAll('*', '[^/]+')}(${inner.replaceAll('*', '[^/]+')})(?:/.*)?$`).exec(
      valueAt(request, field)
    )
    if (found) wanted.set(key, found[1]!)
  }
  const [header] = metadata.get('x-goog-request-params')
  const given = new Map(new URLSearchParams(String(header ?? '')))
  for (const [key, value] of wanted) {
    if (given.get(key) !== value) refuse(`${method.name}: x-goog-request-params wants ${key}=${value}, and is ${String(header)}`)
  }
}

function likePattern(pattern: string): RegExp {
  return new RegExp(`^${pattern.replaceAll('**', '.+').replaceAll('*', '[^/]+')}$`)
}

function valueAt(request: Plain, path: string): string {
  const camel = path.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
  let value: unknown = request
  for (const name of camel.split('.')) value = (value as Plain | null)?.[name]
  return typeof value === 'string' ? value : ''
}

/** What answers a call: of a stream, its one answer. @throws {StatusError} */
export type Handler = (request: Plain) => Plain

/** Serve every method that there is a handler for; the others are UNIMPLEMENTED, as on any gRPC server. */
export function serve(server: GrpcServer, handle: (method: string) => Handler | undefined): void {
  for (const [name, root] of Object.entries(services)) {
    const service = root.lookupService(name)
    const definition: Plain = {}
    const handlers: Plain = {}
    for (const method of Object.values(service.methods)) {
      const handler = handle(method.name)
      if (handler === undefined) continue
      const requestType = service.lookupType(method.requestType)
      const responseType = service.lookupType(method.responseType)
      const responseSerialize = (plain: Plain): Buffer => Buffer.from(responseType.encode(responseType.fromObject(plain)).finish())
      const pass = (bytes: Buffer): Buffer => bytes
      const shape = { path: `/${name}/${method.name}`, requestStream: false, responseStream: method.responseStream === true }
      definition[method.name] = { ...shape, requestSerialize: pass, requestDeserialize: pass, responseSerialize, responseDeserialize: pass }
      // What reads documents is routed as the vendor's own data client does it, which is not looked at here.
      const isAdmin = root === admin
      const answer = ({ request, metadata }: Call): Plain => {
        const decode = (): Plain => requestType.toObject(requestType.decode(request), { longs: String, enums: String, defaults: true })
        return handler(isAdmin ? checkRequest(method, requestType, request, metadata) : decode())
      }
      handlers[method.name] = shape.responseStream ? streaming(answer) : unary(answer)
    }
    server.addService(definition, handlers)
  }
}

function unary(answer: (call: Call) => Plain) {
  return (call: Call, callback: Callback): void => {
    try {
      callback(null, answer(call))
    } catch (error) {
      callback(error as object)
    }
  }
}

function streaming(answer: (call: Call) => Plain) {
  return (call: Call & { emit(event: 'error', error: unknown): void }): void => {
    try {
      call.write(answer(call))
      call.end()
    } catch (error) {
      call.emit('error', error)
    }
  }
}
