/** What of Firestore's own words may be shown: they may quote the document that was sent, and messages hold no contents. */
import { grpcCode, type GrpcError } from './grpc.ts'

/** With these the service, or the channel, speaks of itself: of quotas, permissions, connections, and of documents by their names. */
const speaksOfItself: ReadonlySet<number> = new Set([
  grpcCode.cancelled,
  grpcCode.deadlineExceeded,
  grpcCode.notFound,
  grpcCode.alreadyExists,
  grpcCode.permissionDenied,
  grpcCode.resourceExhausted,
  grpcCode.failedPrecondition,
  grpcCode.aborted,
  grpcCode.unimplemented,
  grpcCode.unavailable,
  grpcCode.unauthenticated
])

/** Words that quote names of fields and numbers of bytes at most. */
const quoteNoValue: readonly RegExp[] = [
  /^The value of property "[^"]*" is longer than \d+ bytes\.?/,
  /^Property \S+ contains an invalid nested entity\.?/,
  /^field name '[^']*' is reserved\.?/,
  /^The key path element name is longer than \d+ bytes\.?/,
  /^Cannot convert an array value in an array value\.?/,
  /^Cannot convert firestore\.v1\.Value with type unset\.?/,
  /^Vector must only contain values of type 'double'\.?/,
  /^Too many index(?:ed properties| entries)(?: for (?:this )?entity)?\.?/i,
  /^Payload isn't valid for request\.?/,
  /^Application error processing RPC/,
  /^An internal error occurred\.?/i,
  /^Received RST_STREAM with code \d+(?: \([\w ]+\))?/,
  /^Received HTTP status code \d+/,
  /^Call ended without gRPC status/
]

/** What quotes a value, in words of ours. */
const inOurWords: readonly (readonly [RegExp, string])[] = [
  [/^Geo point (?:latitude|longitude) /i, 'a geo point out of range (latitudes go to 90, longitudes to 180)'],
  [/^(?:Resource|Document|Document parent) (?:name|id) /, 'a reference, or the name of the document, that names none'],
  [/timestamp/i, 'a time out of the range that Firestore holds'],
  [/utf-?8/i, 'text that is no UTF-8']
]

/** @param sent whether documents were sent: only then can the words quote one. Empty where nothing may be shown */
export function shownDetails(error: GrpcError, sent: boolean): string {
  const { code, details } = error
  const line = tidy(details)
  if (!sent || speaksOfItself.has(code)) return line
  for (const words of quoteNoValue) {
    const [found] = words.exec(line) ?? []
    if (found !== undefined) return found
  }
  if (isTooLarge(error)) return tooLarge(line)
  return inOurWords.find(([theirs]) => theirs.test(line))?.[1] ?? ''
}

/** Whether the service says that a request or document is over a size limit, which no retry mends. */
export function isTooLarge({ code, details }: GrpcError): boolean {
  if (code !== grpcCode.invalidArgument && code !== grpcCode.resourceExhausted) return false
  return /maximum size|maximum entity size|larger than max|longer than \d+ bytes|exceeds the maximum|too big|too large/i.test(details)
}

function tooLarge(line: string): string {
  const sizes = line.match(/\b[\d,]+ bytes\b/g) ?? []
  return sizes.length === 0 ? 'larger than Firestore takes' : `larger than Firestore takes (${sizes.join(', at most ')})`
}

/** One line, without grpc-js's notes to its own developers, and not more than is read. */
export function tidy(details: string): string {
  const line = details
    .replace(/\s+/g, ' ')
    .replace(/,metadata filters:.*| Resolution note:.*/, '')
    .trim()
  return line.length > 300 ? `${line.slice(0, 300)}...` : line
}
