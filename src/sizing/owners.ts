// Who holds the table: entries and entry-seconds by source address and by destination service, in bounded memory.
import type { Table } from '../conntrack/table.ts'
import { KIND_IPV6 } from '../conntrack/tuple.ts'
import { IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE } from '../net/numbers.ts'
import { OwnerKey, OwnerTable } from './owner-table.ts'

/** Fed with an engine's events. The original tuple says whose an entry is. */
export class Owners {
  readonly sources = new OwnerTable()
  readonly services = new OwnerTable()
  private readonly table: Table
  private readonly key = new OwnerKey()
  /** Owners of each entry, as the numbers that the two tables have for them. */
  private sourceOf = new Int32Array(1024)
  private serviceOf = new Int32Array(1024)

  constructor(table: Table) {
    this.table = table
  }

  /** @param isPeak whether there are more live entries now than ever before */
  created(ct: number, isPeak: boolean, time: number): void {
    if (ct >= this.sourceOf.length) this.grow(ct)
    const { table, key } = this
    sourceKey(table, ct, key)
    this.sourceOf[ct] = this.sources.enter(key, time)
    serviceKey(table, ct, key)
    this.serviceOf[ct] = this.services.enter(key, time)
    if (!isPeak) return
    this.sources.markPeak()
    this.services.markPeak()
  }

  /** The entry is live no longer: to be told once, when it expires or when it is destroyed before. */
  ended(ct: number, time: number): void {
    this.sources.leave(this.sourceOf[ct], time)
    this.services.leave(this.serviceOf[ct], time)
  }

  private grow(ct: number): void {
    const length = Math.max(ct + 1, Math.ceil(this.sourceOf.length * 1.5))
    const sourceOf = new Int32Array(length)
    sourceOf.set(this.sourceOf)
    this.sourceOf = sourceOf
    const serviceOf = new Int32Array(length)
    serviceOf.set(this.serviceOf)
    this.serviceOf = serviceOf
  }
}

function sourceKey(table: Table, ct: number, key: OwnerKey): void {
  const isIpv6 = table.isIpv6(ct)
  key.kind = isIpv6 ? KIND_IPV6 : 0
  key.port = 0
  key.word0 = table.sourceWord(ct * 2, 0)
  key.word1 = isIpv6 ? table.sourceWord(ct * 2, 1) : 0
  key.word2 = isIpv6 ? table.sourceWord(ct * 2, 2) : 0
  key.word3 = isIpv6 ? table.sourceWord(ct * 2, 3) : 0
}

function serviceKey(table: Table, ct: number, key: OwnerKey): void {
  const isIpv6 = table.isIpv6(ct)
  key.kind = table.kind(ct)
  key.port = hasPorts(table.protocol(ct)) ? table.ports(ct * 2) & 0xffff : 0
  key.word0 = table.destinationWord(ct * 2, 0)
  key.word1 = isIpv6 ? table.destinationWord(ct * 2, 1) : 0
  key.word2 = isIpv6 ? table.destinationWord(ct * 2, 2) : 0
  key.word3 = isIpv6 ? table.destinationWord(ct * 2, 3) : 0
}

export function hasPorts(protocol: number): boolean {
  switch (protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
    case IPPROTO_SCTP:
      return true
    default:
      return false
  }
}
