// The same capture in cooked v1: without the interface of each frame.

const V2_LENGTH = 20
const V1_LENGTH = 16
const LINKTYPE_LINUX_SLL = 113

/** A copy of a little-endian pcap of cooked v2 frames. */
export function asCookedV1(original: Uint8Array): Uint8Array {
  const view = new DataView(original.buffer, original.byteOffset, original.length)
  const header = Uint8Array.from(original.subarray(0, 24))
  new DataView(header.buffer).setUint32(20, LINKTYPE_LINUX_SLL, true)
  const parts: Uint8Array[] = [header]
  for (let at = 24; at < original.length; ) {
    const captured = view.getUint32(at + 8, true)
    const frame = at + 16
    const record = new Uint8Array(16 + V1_LENGTH)
    record.set(original.subarray(at, frame))
    const fields = new DataView(record.buffer)
    fields.setUint32(8, captured - V2_LENGTH + V1_LENGTH, true)
    fields.setUint32(12, view.getUint32(at + 12, true) - V2_LENGTH + V1_LENGTH, true)
    fields.setUint16(16, view.getUint8(frame + 10))
    fields.setUint16(18, view.getUint16(frame + 8))
    fields.setUint16(20, view.getUint8(frame + 11))
    record.set(original.subarray(frame + 12, frame + V2_LENGTH), 22)
    fields.setUint16(30, view.getUint16(frame))
    parts.push(record, original.subarray(frame + V2_LENGTH, frame + captured))
    at = frame + captured
  }
  return Buffer.concat(parts)
}
