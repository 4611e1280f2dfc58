// Tuples in conntrack's notation: `src=10.0.0.1 dst=10.0.0.2 sport=40000 dport=80` (libnetfilter_conntrack snprintf_default.c).
import { assignedProtocolName } from '../../net/numbers.ts'
import type { EndReport } from './finding-model.ts'
import type { DirectionReport } from './model.ts'

/** `tcp`, `esp`; `protocol 200` where /etc/protocols has no name either. */
export function protocolText(protocol: string, protocolNumber: number): string {
  if (protocol !== 'unknown') return protocol
  return assignedProtocolName(protocolNumber) ?? `protocol ${protocolNumber}`
}

/** One tuple as `conntrack -L` prints it. */
export function tupleText(direction: DirectionReport): string {
  return `src=${direction.src} dst=${direction.dst}${portsText(direction)}`
}

/** `10.0.0.1:80`, `[fd00::1]:80`, or the address alone. */
export function endText({ address, port }: EndReport): string {
  if (port === null) return address
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

function portsText(direction: DirectionReport): string {
  const { sport, dport, type, code, id, srckey, dstkey } = direction
  if (sport !== undefined) return ` sport=${sport} dport=${dport}`
  if (type !== undefined) return ` type=${type} code=${code} id=${id}`
  if (srckey !== undefined) return ` srckey=0x${srckey.toString(16)} dstkey=0x${dstkey?.toString(16)}`
  return ''
}
