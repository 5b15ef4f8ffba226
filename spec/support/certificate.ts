/** A certificate that signs itself, for servers of specs that speak TLS. */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'

export interface Certificate {
  /** Both in PEM. */
  readonly key: string
  readonly cert: string
}

/** @param name whom it is for: a host's name, as an ASCII text of less than 100 bytes */
export function selfSigned(name: string): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const algorithm = sequence(ecdsaWithSha256)
  const names = sequence(der(0x31, sequence(commonName, der(0x0c, Buffer.from(name)))))
  const year = new Date().getUTCFullYear()
  const validity = sequence(...[year - 1, year + 1].map(each => der(0x18, Buffer.from(`${each}0101000000Z`))))
  // Positive: a serial number may not begin with a set bit.
  const serial = der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)]))
  const told = sequence(version3, serial, algorithm, names, validity, names, publicKey.export({ type: 'spki', format: 'der' }))
  const signature = der(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', told, privateKey)]))
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: pem(sequence(told, algorithm, signature))
  }
}

const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, Buffer.concat(parts))

/** Lengths below 65,536. */
function der(tag: number, content: Buffer): Buffer {
  const { length } = content
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...head]), content])
}

const version3 = der(0xa0, der(0x02, Buffer.from([2])))
/** 1.2.840.10045.4.3.2 */
const ecdsaWithSha256 = der(0x06, Buffer.from('2a8648ce3d040302', 'hex'))
/** 2.5.4.3 */
const commonName = der(0x06, Buffer.from('550403', 'hex'))

function pem(bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}
