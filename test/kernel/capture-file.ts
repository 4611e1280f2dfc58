// Classic pcap files as the conformance run needs them: written with nanoseconds, read back record by record.
import { readFileSync, writeFileSync } from 'node:fs'

const MAGIC_NANOSECONDS = 0xa1b23c4d
const MAGIC_MICROSECONDS = 0xa1b2c3d4

/** A record: nanoseconds since the capture's first second, and the frame's bytes. */
export interface CapturedFrame {
  time: number
  bytes: Uint8Array
}

export interface CaptureRecords {
  linkType: number
  /** Epoch seconds that the times of the frames count from. */
  epoch: number
  frames: CapturedFrame[]
}

export function writeCapture(path: string, { linkType, epoch, frames }: CaptureRecords): void {
  const size = frames.reduce((sum, frame) => sum + 16 + frame.bytes.length, 24)
  const file = new Uint8Array(size)
  const view = new DataView(file.buffer)
  view.setUint32(0, MAGIC_NANOSECONDS, true)
  view.setUint16(4, 2, true)
  view.setUint16(6, 4, true)
  view.setUint32(16, 0x40000, true)
  view.setUint32(20, linkType, true)
  let at = 24
  for (const { time, bytes } of frames) {
    view.setUint32(at, epoch + Math.floor(time / 1e9), true)
    view.setUint32(at + 4, time % 1e9, true)
    view.setUint32(at + 8, bytes.length, true)
    view.setUint32(at + 12, bytes.length, true)
    file.set(bytes, at + 16)
    at += 16 + bytes.length
  }
  writeFileSync(path, file)
}

/** Reads a little-endian classic pcap: what writeCapture() writes, and what tcpdump writes on most machines. */
export function readCapture(path: string): CaptureRecords {
  const file = readFileSync(path)
  const magic = file.readUInt32LE(0)
  if (magic !== MAGIC_NANOSECONDS && magic !== MAGIC_MICROSECONDS)
    throw new Error(`${path}: not a little-endian pcap`)
  const unit = magic === MAGIC_NANOSECONDS ? 1 : 1000
  const linkType = file.readUInt32LE(20)
  const epoch = file.length > 24 ? file.readUInt32LE(24) : 0
  const frames: CapturedFrame[] = []
  for (let at = 24; at + 16 <= file.length; ) {
    const time = (file.readUInt32LE(at) - epoch) * 1e9 + file.readUInt32LE(at + 4) * unit
    const length = file.readUInt32LE(at + 8)
    frames.push({ time, bytes: new Uint8Array(file.subarray(at + 16, at + 16 + length)) })
    at += 16 + length
  }
  return { linkType, epoch, frames }
}
