// Writes small captures for tests: classic pcap in every dialect, and pcapng block by block.

export interface WrittenFrame {
  bytes: Uint8Array
  /** Seconds since 1970, and units of the capture's resolution on top. */
  seconds?: number
  fraction?: number
  /** Length on the wire; that of `bytes` if not given. */
  originalLength?: number
}

export interface PcapOptions {
  byteOrder?: 'little' | 'big'
  dialect?: 'microseconds' | 'nanoseconds' | 'modified'
  linkType?: number
  snapLength?: number
  minor?: number
}

const PCAP_MAGIC = { microseconds: 0xa1b2c3d4, nanoseconds: 0xa1b23c4d, modified: 0xa1b2cd34 }

/** A classic pcap file. Versions before 2.3 get their lengths the other way round, as they had them. */
export function writePcap(frames: readonly WrittenFrame[], options: PcapOptions = {}): Uint8Array {
  const {
    byteOrder = 'little',
    dialect = 'microseconds',
    linkType = 1,
    snapLength = 262144,
    minor = 4,
  } = options
  const little = byteOrder === 'little'
  const header = new Uint8Array(24)
  const view = new DataView(header.buffer)
  view.setUint32(0, PCAP_MAGIC[dialect], little)
  view.setUint16(4, 2, little)
  view.setUint16(6, minor, little)
  view.setUint32(16, snapLength, little)
  view.setUint32(20, linkType, little)
  const parts: Uint8Array[] = [header]
  for (const frame of frames) parts.push(pcapRecordHeader(frame, little, dialect, minor), frame.bytes)
  return joinBytes(parts)
}

function pcapRecordHeader(frame: WrittenFrame, little: boolean, dialect: string, minor: number): Uint8Array {
  const header = new Uint8Array(dialect === 'modified' ? 24 : 16)
  const view = new DataView(header.buffer)
  const original = frame.originalLength ?? frame.bytes.length
  view.setUint32(0, frame.seconds ?? 0, little)
  view.setUint32(4, frame.fraction ?? 0, little)
  view.setUint32(minor < 3 ? 12 : 8, frame.bytes.length, little)
  view.setUint32(minor < 3 ? 8 : 12, original, little)
  return header
}

export interface PcapngOption {
  code: number
  value: Uint8Array
}

/** A pcapng file, built block by block; every method appends one block and returns the writer. */
export class PcapngWriter {
  private little: boolean
  private readonly parts: Uint8Array[] = []

  constructor(little = true) {
    this.little = little
  }

  /** A section header; `byteOrder` holds for the blocks that follow. */
  section(options: PcapngOption[] = [], byteOrder: 'little' | 'big' = this.little ? 'little' : 'big'): this {
    this.little = byteOrder === 'little'
    const body = new Uint8Array(16)
    const view = new DataView(body.buffer)
    view.setUint32(0, 0x1a2b3c4d, this.little)
    view.setUint16(4, 1, this.little)
    view.setBigInt64(8, -1n, this.little)
    return this.block(0x0a0d0d0a, body, options)
  }

  interface(linkType = 1, snapLength = 0, options: PcapngOption[] = []): this {
    const body = new Uint8Array(8)
    const view = new DataView(body.buffer)
    view.setUint16(0, linkType, this.little)
    view.setUint32(4, snapLength, this.little)
    return this.block(1, body, options)
  }

  /** @param stamp in units of the interface's resolution */
  enhanced(interfaceId: number, stamp: bigint, bytes: Uint8Array, options: PcapngOption[] = []): this {
    return this.block(6, this.packet(interfaceId, stamp, bytes, false), options)
  }

  obsolete(interfaceId: number, stamp: bigint, bytes: Uint8Array): this {
    return this.block(2, this.packet(interfaceId, stamp, bytes, true), [])
  }

  simple(bytes: Uint8Array, originalLength = bytes.length): this {
    const body = new Uint8Array(4 + padded(bytes.length))
    new DataView(body.buffer).setUint32(0, originalLength, this.little)
    body.set(bytes, 4)
    return this.block(3, body, [])
  }

  statistics(interfaceId: number, options: PcapngOption[]): this {
    const body = new Uint8Array(12)
    new DataView(body.buffer).setUint32(0, interfaceId, this.little)
    return this.block(5, body, options)
  }

  /** Any block: its type and its body, which is padded to four bytes. */
  block(type: number, body: Uint8Array, options: PcapngOption[]): this {
    const tail = this.options(options)
    const length = 12 + padded(body.length) + tail.length
    const block = new Uint8Array(length)
    const view = new DataView(block.buffer)
    view.setUint32(0, type, this.little)
    view.setUint32(4, length, this.little)
    block.set(body, 8)
    block.set(tail, 8 + padded(body.length))
    view.setUint32(length - 4, length, this.little)
    return this.raw(block)
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array): this {
    this.parts.push(bytes)
    return this
  }

  bytes(): Uint8Array {
    return joinBytes(this.parts)
  }

  private packet(interfaceId: number, stamp: bigint, bytes: Uint8Array, obsolete: boolean): Uint8Array {
    const body = new Uint8Array(20 + bytes.length)
    const view = new DataView(body.buffer)
    const units = BigInt.asUintN(64, stamp)
    if (obsolete) view.setUint16(0, interfaceId, this.little)
    else view.setUint32(0, interfaceId, this.little)
    view.setUint32(4, Number(units >> 32n), this.little)
    view.setUint32(8, Number(units & 0xffffffffn), this.little)
    view.setUint32(12, bytes.length, this.little)
    view.setUint32(16, bytes.length, this.little)
    body.set(bytes, 20)
    return body
  }

  private options(options: PcapngOption[]): Uint8Array {
    if (options.length === 0) return new Uint8Array(0)
    const parts = [...options, { code: 0, value: new Uint8Array(0) }].map(({ code, value }) => {
      const option = new Uint8Array(4 + padded(value.length))
      const view = new DataView(option.buffer)
      view.setUint16(0, code, this.little)
      view.setUint16(2, value.length, this.little)
      option.set(value, 4)
      return option
    })
    return joinBytes(parts)
  }
}

/** An option that holds text. */
export function textOption(code: number, text: string): PcapngOption {
  return { code, value: new TextEncoder().encode(text) }
}

/** An option that holds a 64-bit integer. */
export function bigOption(code: number, value: bigint, little = true): PcapngOption {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigInt64(0, value, little)
  return { code, value: bytes }
}

/** One array of all the parts. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((total, part) => total + part.length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

function padded(length: number): number {
  return (length + 3) & ~3
}
