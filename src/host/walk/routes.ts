// What a host's routes say of an address, as a number: IPv4 by intervals, IPv6 asked once for each address seen lately.
import type { Family } from '../files/network.ts'
import type { HostRouting } from './host-routing.ts'

/** A power of two; words of one: an IPv6 address and its number. */
const SLOTS = 1 << 12
const WORDS = 5
const NUMBER = 4

/** Where addresses that are no station's begin and end: 0.0.0.0, 127.0.0.0/8, 224.0.0.0/4, 255.255.255.255. */
const SPECIAL = [0, 1, 0x7f000000, 0x80000000, 0xe0000000, 0xf0000000, 0xffffffff]

export class Routes {
  private readonly routing: HostRouting
  private readonly numbers = new Map<string, number>()
  /** First addresses of intervals of which the routes say the same, and what they say. */
  private readonly starts: Float64Array
  private readonly answers: Int32Array
  private readonly kept = new Int32Array(SLOTS * WORDS)
  private readonly address = new Int32Array(4)

  constructor(routing: HostRouting) {
    this.routing = routing
    const edges = new Set([...SPECIAL, ...routing.edges])
    this.starts = Float64Array.from([...edges].filter(edge => edge <= 0xffffffff)).sort()
    this.answers = Int32Array.from(this.starts, start => this.ask(4, start | 0, 0, 0, 0))
  }

  /** A number that is the same for addresses of which the routes say the same: whose they are, and where they leave. */
  of(family: Family, words: Int32Array): number {
    return family === 4 ? this.ofIpv4(words[0] >>> 0) : this.ofIpv6(words)
  }

  private ofIpv4(word: number): number {
    const { starts } = this
    let low = 0
    let high = starts.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (starts[middle] <= word) low = middle
      else high = middle
    }
    return this.answers[low]
  }

  private ofIpv6(words: Int32Array): number {
    const { kept } = this
    let hash = 0
    for (let i = 0; i < 4; i++) hash = Math.imul(hash ^ words[i], 0x9e3779b1) ^ (hash >>> 15)
    const at = ((hash >>> 8) & (SLOTS - 1)) * WORDS
    let isSame = kept[at + NUMBER] !== 0
    for (let i = 0; i < 4 && isSame; i++) isSame = kept[at + i] === words[i]
    if (!isSame) {
      for (let i = 0; i < 4; i++) kept[at + i] = words[i]
      kept[at + NUMBER] = this.ask(6, words[0], words[1], words[2], words[3])
    }
    return kept[at + NUMBER]
  }

  private ask(family: Family, a: number, b: number, c: number, d: number): number {
    const { address, routing, numbers } = this
    address[0] = a
    address[1] = b
    address[2] = c
    address[3] = d
    // an address that is no station's is one of its own
    const isSpecial = family === 4 && SPECIAL.includes(a >>> 0)
    const answer = routing
      .inEach(() => {
        const kind = routing.kindOf(family, address)
        const isItsOwn = (isSpecial && kind !== 'unicast') || (family === 4 && a >>> 24 === 127)
        return [
          kind,
          routing.isLocal(family, address),
          routing.deviceTo(family, address),
          isItsOwn ? a : '',
        ].join(' ')
      })
      .concat(family === 6 ? String(a >>> 22) : '')
      .join(' ')
    let number = numbers.get(answer)
    if (number === undefined) {
      number = numbers.size + 1
      numbers.set(answer, number)
    }
    return number
  }
}
