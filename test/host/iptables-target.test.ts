// Targets of iptables as a rule names them, and the actions they are: what iptables-extensions(8) says they do.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Family, formatNetwork } from '../../src/host/files/network.ts'
import { iptablesTarget } from '../../src/host/rules/iptables-target.ts'

const target = (text: string, family: Family = 4, isGoto = false) => {
  const [name, ...words] = text.split(' ')
  return iptablesTarget(name, words, isGoto, family)
}

/** Where a target of DNAT or SNAT leads to, as `addresses port-port`. */
function leads(text: string, family: Family): string | null {
  const action = target(`DNAT --to-destination ${text}`, family)
  if (action === null || typeof action === 'string' || action.kind !== 'dnat') return null
  const { addresses, ports } = action.target
  const at = addresses === null ? '' : formatNetwork(addresses).replace(/\/(32|128)$/, '')
  return `${at} ${ports === null ? '' : ports.join('-')}`
}

describe('an endpoint', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1 '],
    ['10.0.0.1:80', '10.0.0.1 80-80'],
    ['10.0.0.1-10.0.0.9:8000-8080', '10.0.0.1-10.0.0.9 8000-8080'],
    ['10.0.0.1:80-90/8080', '10.0.0.1 80-90'],
    [':80', ' 80-80'],
  ])('of IPv4: %s', (text, expected) => {
    expect(leads(text, 4)).toBe(expected)
    expect(target(`DNAT --to-destination ${text}`, 6)).toEqual(expect.stringContaining('expected an address'))
  })

  it.each([
    ['fd00::1', 'fd00::1 '],
    ['[fd00::1]:80', 'fd00::1 80-80'],
    ['[fd00::1-fd00::9]:80-90', 'fd00::1-fd00::9 80-90'],
    ['fd00::1-fd00::9', 'fd00::1-fd00::9 '],
    ['[FD00::A]', 'fd00::a '],
  ])('of IPv6: %s', (text, expected) => {
    expect(leads(text, 6)).toBe(expected)
    expect(target(`DNAT --to-destination ${text}`, 4)).toEqual(expect.stringContaining('expected an address'))
  })

  it.each(['', 'web', '10.0.0.256', '10.0.0.1:99999', '10.0.0.1:a', '10.0.0.1-fd00::1'])(
    'is none: %s',
    text => {
      for (const family of [4, 6] as const)
        expect(target(`SNAT --to-source ${text}`, family)).toBe(
          `-j SNAT ${text}: expected an address, a port, or both`,
        )
    },
  )
})

describe('a target', () => {
  it.each([
    ['ACCEPT', { kind: 'accept' }],
    ['DROP', { kind: 'drop' }],
    ['REJECT --reject-with icmp-port-unreachable', { kind: 'reject', isReset: false }],
    ['REJECT --reject-with tcp-reset', { kind: 'reject', isReset: true }],
    ['RETURN', { kind: 'return' }],
    ['NOTRACK', { kind: 'notrack' }],
    ['CT --notrack', { kind: 'notrack' }],
    ['CT --zone 5', { kind: 'zone', zone: 5, direction: null, tracksAgain: false, helper: null }],
    ['CT --zone-orig 6', { kind: 'zone', zone: 6, direction: 'original', tracksAgain: false, helper: null }],
    ['CT --helper ftp', { kind: 'zone', zone: 0, direction: null, tracksAgain: false, helper: 'ftp' }],
    ['LOG --log-prefix x', null],
    ['REDIRECT', { kind: 'redirect', ports: null }],
    ['REDIRECT --to-ports 80', { kind: 'redirect', ports: [80, 80] }],
    ['REDIRECT --to-ports 80-90', { kind: 'redirect', ports: [80, 90] }],
    ['REDIRECT --to-ports x', '-j REDIRECT --to-ports x: expected port numbers'],
    ['MASQUERADE', { kind: 'masquerade', isRandom: false }],
    ['MASQUERADE --random', { kind: 'masquerade', isRandom: true }],
    ['MASQUERADE --random-fully', { kind: 'masquerade', isRandom: true }],
    ['CONNMARK --restore-mark', { kind: 'restore-mark', packetMask: 0xffffffff, connectionMask: 0xffffffff }],
    ['CONNMARK --save-mark', { kind: 'save-mark', packetMask: 0xffffffff, connectionMask: 0xffffffff }],
    [
      'CONNMARK --save-mark --nfmask 0xff --ctmask 0xf',
      { kind: 'save-mark', packetMask: 0xff, connectionMask: 0xf },
    ],
    ['CONNMARK --set-xmark 0x2/0x2', { kind: 'connmark', clear: 2, flip: 2 }],
    ['MARK --set-mark x', { kind: 'mark', clear: 0, flip: null }],
    ['NFQUEUE --queue-num 1', { kind: 'unknown' }],
    ['KUBE-SERVICES', { kind: 'jump', chain: 'KUBE-SERVICES' }],
  ])('%s', (text, action) => {
    expect(target(text)).toEqual(action)
  })

  it('of -g is a chain that does not come back', () => {
    expect(target('KUBE-SERVICES', 4, true)).toEqual({ kind: 'goto', chain: 'KUBE-SERVICES' })
  })

  it('is SNAT or DNAT by its own option', () => {
    expect(target('SNAT --to-source 10.0.0.1 --random')).toMatchObject({ kind: 'snat', isRandom: true })
    expect(target('DNAT --to-destination 10.0.0.1')).toMatchObject({ kind: 'dnat', isRandom: false })
    expect(target('SNAT --to-destination 10.0.0.1')).toEqual(expect.stringContaining('expected an address'))
  })
})

describe('MARK', () => {
  const word = fc.integer({ min: 0, max: 0xffffffff })
  const hex = (value: number) => `0x${value.toString(16)}`

  /** What a packet with `mark` has behind the target. */
  function marked(options: string, mark: number): number | null {
    const action = target(`MARK ${options}`)
    if (action === null || typeof action === 'string' || action.kind !== 'mark') throw new Error(options)
    return action.flip === null ? null : ((mark & ~action.clear) ^ action.flip) >>> 0
  }

  it('does to the bits of a mark what its option says', () => {
    fc.assert(
      fc.property(word, word, word, (mark, value, mask) => {
        expect(marked(`--set-xmark ${hex(value)}`, mark)).toBe(value)
        expect(marked(`--set-mark ${value}`, mark)).toBe(value)
        expect(marked(`--set-xmark ${hex(value)}/${hex(mask)}`, mark)).toBe(((mark & ~mask) ^ value) >>> 0)
        expect(marked(`--set-mark ${hex(value)}/${hex(mask)}`, mark)).toBe(((mark & ~mask) | value) >>> 0)
        expect(marked(`--or-mark ${hex(value)}`, mark)).toBe((mark | value) >>> 0)
        expect(marked(`--and-mark ${hex(value)}`, mark)).toBe((mark & value) >>> 0)
        expect(marked(`--xor-mark ${hex(value)}`, mark)).toBe((mark ^ value) >>> 0)
      }),
    )
  })

  it('is not known with an option that is not', () => {
    expect(marked('--later 5', 1)).toBeNull()
  })
})
