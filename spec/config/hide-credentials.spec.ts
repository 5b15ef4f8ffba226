import { expect } from 'chai'
import { hideCredentials, holdsSecret } from '../../lib/config/hide-credentials.ts'

describe('config: addresses that hold a secret', () => {
  for (const address of [
    'couchdb://admin:secret@127.0.0.1:5984',
    'couchdb://me@example.org:secret@127.0.0.1:5984',
    'couchdb://admin:a/b@c@127.0.0.1:5984',
    'couchdb://:secret@host',
    'dynamodb://us-east-1?secretAccessKey=abc',
    'couchdb://host?password=abc'
  ]) {
    it(`finds it in ${address}`, () => expect(holdsSecret(address)).to.equal(true))
  }

  for (const address of [
    'couchdb',
    'couchdb://admin@127.0.0.1:5984',
    'couchdb://host?user=admin&passwordEnv=NAME',
    'file:///data/2026-01-01T10:00@home.json',
    'backup.ndjson.gz'
  ]) {
    it(`finds none in ${address}`, () => expect(holdsSecret(address)).to.equal(false))
  }
})

describe('config: addresses without their credentials', () => {
  for (const [given, shown] of [
    ['at http://token@host/db', 'at http://***@host/db'],
    ['couchdb://admin:a/b@c@host?passwordEnv=NAME', 'couchdb://***@host?passwordEnv=NAME'],
    ["'couchdb://admin@host:5984?passwordEnv=NAME'", "'couchdb://admin@host:5984?passwordEnv=NAME'"],
    ['http://token@one,http://me@two?passwordEnv=NAME', 'http://***@two?passwordEnv=NAME']
  ] as const) {
    it(`shows ${given} as ${shown}`, () => expect(hideCredentials(given)).to.equal(shown))
  }
})
