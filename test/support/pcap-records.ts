// The records of a little-endian pcap, and the same capture with other frames in them.

const HEADER = 24
const RECORD_HEADER = 16
const LINK_TYPE_AT = 20

export interface PcapRecords {
  header: Uint8Array
  /** With their headers. */
  records: Uint8Array[]
}

export function pcapRecords(bytes: Uint8Array): PcapRecords {
  const view = viewOf(bytes)
  const records: Uint8Array[] = []
  for (let at = HEADER; at < bytes.length; ) {
    const end = at + RECORD_HEADER + view.getUint32(at + 8, true)
    records.push(bytes.subarray(at, end))
    at = end
  }
  return { header: bytes.subarray(0, HEADER), records }
}

/** What is left of records when each is lost with that probability; the same seed loses the same ones. */
export function withLoss(records: readonly Uint8Array[], probability: number, seed: number): Uint8Array[] {
  let state = seed
  const random = (): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return state / 0x80000000
  }
  return records.filter(() => random() > probability)
}

export function linkTypeOf(bytes: Uint8Array): number {
  return viewOf(bytes).getUint32(LINK_TYPE_AT, true)
}

/**
 * A copy with `change` applied to each frame.
 * @param linkType that of the new frames
 * @param isCut whether frames have only lost their end, and are as long on the wire as they were
 */
export function changeFrames(
  original: Uint8Array,
  change: (frame: Uint8Array) => Uint8Array,
  { linkType = linkTypeOf(original), isCut = false } = {},
): Uint8Array {
  const { header, records } = pcapRecords(original)
  const parts = [Uint8Array.from(header)]
  viewOf(parts[0]).setUint32(LINK_TYPE_AT, linkType, true)
  for (const record of records) {
    const frame = record.subarray(RECORD_HEADER)
    const changed = change(frame)
    const head = Uint8Array.from(record.subarray(0, RECORD_HEADER))
    const view = viewOf(head)
    view.setUint32(8, changed.length, true)
    if (!isCut) view.setUint32(12, view.getUint32(12, true) + changed.length - frame.length, true)
    parts.push(head, Uint8Array.from(changed))
  }
  return Buffer.concat(parts)
}

export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
