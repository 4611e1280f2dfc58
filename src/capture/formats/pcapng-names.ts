// Name resolution blocks of pcapng: addresses and the names that the capturing program had for them (draft-ietf-opsawg-pcapng, 4.5).
import { formatIpv4, formatIpv6 } from '../../net/address.ts'
import { optionText, padded } from './pcapng-options.ts'

const RECORD_END = 0
const RECORD_IPV4 = 1
const RECORD_IPV6 = 2
const RECORD_HEADER_LENGTH = 4

/** Names kept of one capture: Wireshark writes every name it has ever resolved. */
const MOST_NAMES = 1 << 16
/** Bytes looked at of a name: the longest of DNS has 253. */
const MOST_NAME_LENGTH = 255

/**
 * Reads the records of a block, in [start, end) of `view`, into `names`: the first name of each address, as conntrack
 * prints that.
 * @returns where a record runs past the end, or -1 when all were whole
 */
export function readNames(
  view: DataView,
  start: number,
  end: number,
  little: boolean,
  names: Map<string, string>,
): number {
  let at = start
  while (at + RECORD_HEADER_LENGTH <= end) {
    const type = view.getUint16(at, little)
    const length = view.getUint16(at + 2, little)
    const value = at + RECORD_HEADER_LENGTH
    if (type === RECORD_END) return -1
    if (value + length > end) return at
    const bytes = type === RECORD_IPV4 ? 4 : type === RECORD_IPV6 ? 16 : 0
    if (bytes > 0 && length > bytes) {
      const name = optionText(view, value + bytes, Math.min(length - bytes, MOST_NAME_LENGTH))
      const address = bytes === 4 ? formatIpv4(view.getInt32(value)) : ipv6At(view, value)
      if (name !== '' && names.size < MOST_NAMES && !names.has(address)) names.set(address, name)
    }
    at = value + padded(length)
  }
  return -1
}

/** Addresses stand in network order, whatever the order of the section. */
function ipv6At(view: DataView, at: number): string {
  return formatIpv6(view.getInt32(at), view.getInt32(at + 4), view.getInt32(at + 8), view.getInt32(at + 12))
}
