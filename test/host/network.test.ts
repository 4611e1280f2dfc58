// Addresses, networks and ranges out of texts and back.
import { describe, expect, it } from 'vitest'
import {
  contains,
  formatAddress,
  formatNetwork,
  parseAddress,
  parseNetwork,
} from '../../src/host/files/network.ts'

const back = (text: string): string | null => {
  const address = parseAddress(text)
  return address === null ? null : formatAddress(address.family, address.words)
}

describe('an address', () => {
  it.each([
    '0.0.0.0',
    '255.255.255.255',
    '10.244.0.7',
    '::',
    '::1',
    'fd00:10::5',
    '2001:db8:1:2:3:4:5:6',
    'fe80::ff:fe00:701',
  ])('is read and written the same: %s', text => expect(back(text)).toBe(text))

  it('may end in dotted decimal', () => {
    expect(back('::ffff:10.0.0.1')).toBe('::ffff:10.0.0.1')
    expect(back('64:ff9b::192.0.2.33')).toBe('64:ff9b::c000:221')
  })

  it.each([
    '',
    '1.2.3',
    '1.2.3.256',
    '1.2.3.4.5',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    'fe80::1%eth0',
    '12345::',
    'name',
  ])('is not %s', text => expect(parseAddress(text)).toBeNull())
})

describe('a network', () => {
  it.each([
    ['10.0.0.0/8', '10.255.255.255', '11.0.0.0'],
    ['172.16.5.9/12', '172.31.0.1', '172.32.0.0'],
    ['192.0.2.7', '192.0.2.7', '192.0.2.8'],
    ['10.0.0.0/255.255.0.0', '10.0.255.1', '10.1.0.0'],
    ['0.0.0.0/0', '255.255.255.255', ''],
    ['192.0.2.1-192.0.2.9', '192.0.2.9', '192.0.2.10'],
    ['128.0.0.0/1', '255.0.0.1', '127.255.255.255'],
    ['fd00:10::/64', 'fd00:10::ffff:ffff:ffff:ffff', 'fd00:10:0:1::'],
    ['2001:db8::/33', '2001:db8:7fff::', '2001:db8:8000::'],
  ])('%s has %s, and not %s', (text, inside, outside) => {
    const network = parseNetwork(text)
    const has = (address: string) => {
      const words = parseAddress(address)?.words
      return network !== null && words !== undefined && contains(network, words)
    }
    expect(has(inside)).toBe(true)
    if (outside !== '') expect(has(outside)).toBe(false)
  })

  it.each(['10.0.0.0/33', '10.0.0.0/255.0.255.0', '10.0.0.0/', 'fd00::/129', '10.0.0.1-fd00::1', 'x/8'])(
    'is not %s',
    text => expect(parseNetwork(text)).toBeNull(),
  )

  it.each(['10.244.0.0/24', '0.0.0.0/0', '192.0.2.1/32', 'fd00:10::/64', '192.0.2.1-192.0.2.9'])(
    'is written as it was read: %s',
    text => {
      const network = parseNetwork(text)
      expect(network === null ? '' : formatNetwork(network)).toBe(text)
    },
  )
})
