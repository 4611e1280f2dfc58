// The same capture of other hosts: other numbers, IPv6, the number 0, less of each frame. Findings are the same in all.
import { asIpv6 } from './as-ipv6.ts'
import { changeFrames } from './pcap-records.ts'
import { EVERYTHING, renumber } from './renumber.ts'

export const TWINS: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  'other numbers': bytes => renumber(bytes, EVERYTHING),
  IPv6: asIpv6,
  'a port of 0': bytes => renumber(bytes, { hasPortZero: true }),
  'finished checksums': bytes => renumber(bytes, { finishesSums: true }),
  '96 bytes of each frame': bytes => changeFrames(bytes, frame => frame.subarray(0, 96), { isCut: true }),
}
