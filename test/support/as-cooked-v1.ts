// The same capture in cooked v1: without the interface of each frame.
import { changeFrames, viewOf } from './pcap-records.ts'

const V2_LENGTH = 20
const V1_LENGTH = 16
const LINKTYPE_LINUX_SLL = 113

/** A copy of a little-endian pcap of cooked v2 frames. */
export function asCookedV1(original: Uint8Array): Uint8Array {
  const change = (frame: Uint8Array): Uint8Array => {
    const header = new Uint8Array(V1_LENGTH)
    const [v1, v2] = [viewOf(header), viewOf(frame)]
    v1.setUint16(0, v2.getUint8(10))
    v1.setUint16(2, v2.getUint16(8))
    v1.setUint16(4, v2.getUint8(11))
    header.set(frame.subarray(12, V2_LENGTH), 6)
    v1.setUint16(14, v2.getUint16(0))
    return Buffer.concat([header, frame.subarray(V2_LENGTH)])
  }
  return changeFrames(original, change, { linkType: LINKTYPE_LINUX_SLL })
}
