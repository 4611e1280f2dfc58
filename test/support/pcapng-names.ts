// A pcapng with other names for its interfaces: what a capture may call them nobody has checked.
import { joinBytes, PcapngWriter, textOption } from './pcap-writer.ts'

const INTERFACE = 1
const IF_NAME = 2
const IF_RESOLUTION = 9

/** A little-endian pcapng whose interfaces have `names`, in their order; their resolution stays. */
export function withInterfaceNames(capture: Uint8Array, names: readonly string[]): Uint8Array {
  const view = new DataView(capture.buffer, capture.byteOffset, capture.byteLength)
  const parts: Uint8Array[] = []
  let next = 0
  for (let at = 0; at < capture.length; ) {
    const length = view.getUint32(at + 4, true)
    const block = capture.subarray(at, at + length)
    parts.push(view.getUint32(at, true) === INTERFACE ? renamed(block, names[next++] ?? '') : block)
    at += length
  }
  return joinBytes(parts)
}

function renamed(block: Uint8Array, name: string): Uint8Array {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength)
  const options = [textOption(IF_NAME, name)]
  for (let at = 16; at + 4 <= block.length - 4; ) {
    const [code, length] = [view.getUint16(at, true), view.getUint16(at + 2, true)]
    if (code === IF_RESOLUTION) options.push({ code, value: block.slice(at + 4, at + 4 + length) })
    if (code === 0) break
    at += 4 + ((length + 3) & ~3)
  }
  return new PcapngWriter().interface(view.getUint16(8, true), view.getUint32(12, true), options).bytes()
}
