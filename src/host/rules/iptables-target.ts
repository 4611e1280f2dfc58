// Targets of iptables (`-j`) as actions.
import { isHelperName } from '../../conntrack/helper-assignment.ts'
import { type Family, parseNetwork } from '../files/network.ts'
import type { Action, NatTarget } from './ruleset.ts'
import { type PortRange, parsePorts } from './subject.ts'

/** Targets after which the packet goes on to the next rule as it was. */
const PASSING = new Set([
  'LOG',
  'NFLOG',
  'ULOG',
  'TRACE',
  'AUDIT',
  'TCPMSS',
  'TTL',
  'HL',
  'TOS',
  'DSCP',
  'ECN',
  'CHECKSUM',
  'CLASSIFY',
  'TCPOPTSTRIP',
  'SET',
  'CONNSECMARK',
  'SECMARK',
  'IDLETIMER',
  'LED',
  'RATEEST',
  'TEE',
  'DNPT',
  'SNPT',
])

/**
 * @param name a target or a chain
 * @param words its options
 * @returns its action, null where it changes nothing, or what is wrong with it
 */
export function iptablesTarget(
  name: string,
  words: readonly string[],
  isGoto: boolean,
  family: Family,
): Action | null | string {
  const option = (key: string): string | null => {
    const at = words.indexOf(key)
    return at < 0 ? null : (words[at + 1] ?? '')
  }
  const isRandom = words.includes('--random') || words.includes('--random-fully')
  switch (name) {
    case 'ACCEPT':
      return { kind: 'accept' }
    case 'DROP':
    case 'STEAL':
      return { kind: 'drop' }
    case 'REJECT':
      return { kind: 'reject', isReset: option('--reject-with') === 'tcp-reset' }
    case 'RETURN':
      return { kind: 'return' }
    case 'NOTRACK':
      return { kind: 'notrack' }
    case 'CT':
      return words.includes('--notrack') ? { kind: 'notrack' } : templateOf(words, option('--helper'))
    case 'DNAT':
    case 'SNAT': {
      const text = option(name === 'DNAT' ? '--to-destination' : '--to-source') ?? ''
      const target = parseTarget(text, family)
      if (target === null) return `-j ${name} ${text}: expected an address, a port, or both`
      return { kind: name === 'DNAT' ? 'dnat' : 'snat', target, isRandom }
    }
    case 'REDIRECT':
      return redirect(option('--to-ports'))
    case 'MASQUERADE':
      return { kind: 'masquerade', isRandom }
    case 'MARK':
      return markOf(words)
    case 'CONNMARK':
      return connectionMarkOf(words, option)
    case 'TPROXY':
      return { kind: 'tproxy' }
    case 'NETMAP':
    case 'QUEUE':
    case 'NFQUEUE':
    case 'SYNPROXY':
      return { kind: 'unknown' }
  }
  if (PASSING.has(name)) return null
  return { kind: isGoto ? 'goto' : 'jump', chain: name }
}

function redirect(ports: string | null): Action | string {
  if (ports === null) return { kind: 'redirect', ports: null }
  const range = parsePorts(ports)
  return range === null
    ? `-j REDIRECT --to-ports ${ports}: expected port numbers`
    : { kind: 'redirect', ports: range }
}

/** `10.0.0.1`, `10.0.0.1:80`, `10.0.0.1-10.0.0.9:8000-8080`, `:80`, `[fd00::1]:80`; null for anything else. */
function parseTarget(text: string, family: Family): NatTarget | null {
  const match =
    family === 4
      ? /^([\d.-]*)(?::([\d-]+)(?:\/\d+)?)?$/.exec(text)
      : /^\[?([0-9a-f:.]*(?:-[0-9a-f:.]+)?)\]?(?:(?<=\]):([\d-]+)(?:\/\d+)?)?$/i.exec(text)
  if (match === null || text === '') return null
  const [, address = '', port] = match
  const addresses = address === '' ? null : parseNetwork(address)
  if (address !== '' && addresses?.family !== family) return null
  let ports: PortRange | null = null
  if (port !== undefined) {
    ports = parsePorts(port)
    if (ports === null) return null
  }
  return { addresses, ports }
}

/** `-j CT --zone 7`, `--zone mark`, `--zone-orig 7`, `--zone-reply 7`, `--helper ftp`; null where it sets none of them (a timeout). */
function templateOf(words: readonly string[], name: string | null): Action | null {
  const at = words.findIndex(word => word.startsWith('--zone'))
  if (at < 0 && name === null) return null
  // of other helpers nothing is known but that they keep rules behind from assigning one
  const helper = name !== null && isHelperName(name) ? name : null
  if (at < 0) return { kind: 'zone', zone: 0, direction: null, tracksAgain: false, helper }
  const zone = words[at + 1] === 'mark' ? 'mark' : Number(words[at + 1])
  if (zone !== 'mark' && !Number.isInteger(zone)) return { kind: 'unknown' }
  const direction = words[at] === '--zone-orig' ? 'original' : words[at] === '--zone-reply' ? 'reply' : null
  return { kind: 'zone', zone, direction, tracksAgain: false, helper }
}

function connectionMarkOf(words: readonly string[], option: (key: string) => string | null): Action {
  const mask = (key: string): number => Number(option(key) ?? option('--mask') ?? 0xffffffff)
  const masks = { packetMask: mask('--nfmask'), connectionMask: mask('--ctmask') }
  if (words.includes('--save-mark')) return { kind: 'save-mark', ...masks }
  if (words.includes('--restore-mark')) return { kind: 'restore-mark', ...masks }
  return { ...changeOf(words), kind: 'connmark' }
}

function markOf(words: readonly string[]): Action {
  return { ...changeOf(words), kind: 'mark' }
}

/** The kernel clears the bits of a mask, then flips those of the value. */
function changeOf(words: readonly string[]): { clear: number; flip: number | null } {
  const at = words.findIndex(word => word.startsWith('--'))
  const option = words[at] ?? ''
  const match = /^(0x[0-9a-f]+|\d+)(?:\/(0x[0-9a-f]+|\d+))?$/i.exec(words[at + 1] ?? '')
  if (match === null) return { clear: 0, flip: null }
  const value = Number(match[1])
  const mask = match[2] === undefined ? 0xffffffff : Number(match[2])
  switch (option) {
    case '--set-xmark':
      return { clear: mask, flip: value }
    case '--set-mark':
      return { clear: mask | value, flip: value }
    case '--or-mark':
      return { clear: value, flip: value }
    case '--and-mark':
      return { clear: ~value, flip: 0 }
    case '--xor-mark':
      return { clear: 0, flip: value }
    default:
      return { clear: 0, flip: null }
  }
}
