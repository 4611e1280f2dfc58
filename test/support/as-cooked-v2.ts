// An Ethernet capture as cooked v2 has it on one host: which frames come to it, which it sends, without receivers' addresses.
import { changeFrames, viewOf } from './pcap-records.ts'

const ETHERNET_LENGTH = 14
const V2_LENGTH = 20
const LINKTYPE_LINUX_SLL2 = 276
const ARPHRD_ETHER = 1
const PACKET_HOST = 0
const PACKET_OTHERHOST = 3
const PACKET_OUTGOING = 4

/**
 * A copy of a little-endian pcap of Ethernet frames.
 * @param host the last byte of the host's hardware address
 * @param interfaceOf the interface index that a frame was seen at, by its number from 0 on
 */
export function asCookedV2(
  original: Uint8Array,
  host: number,
  interfaceOf: (frame: number) => number = () => 2,
): Uint8Array {
  let number = 0
  const change = (frame: Uint8Array): Uint8Array => {
    const header = new Uint8Array(V2_LENGTH)
    const [v2, ethernet] = [viewOf(header), viewOf(frame)]
    v2.setUint16(0, ethernet.getUint16(12))
    v2.setUint32(4, interfaceOf(number++))
    v2.setUint16(8, ARPHRD_ETHER)
    v2.setUint8(10, frame[5] === host ? PACKET_HOST : frame[11] === host ? PACKET_OUTGOING : PACKET_OTHERHOST)
    v2.setUint8(11, 6)
    header.set(frame.subarray(6, 12), 12)
    return Buffer.concat([header, frame.subarray(ETHERNET_LENGTH)])
  }
  return changeFrames(original, change, { linkType: LINKTYPE_LINUX_SLL2 })
}
