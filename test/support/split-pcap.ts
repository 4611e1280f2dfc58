// Cuts a classic little-endian pcap in two, where it is silent for longest in the middle of its frames.

const LEAST_FRAMES = 4

/** The frames from `time` (or `at`) on, nanoseconds since 1970, as a capture of their own; null where there are too few to cut. */
export function splitPcap(
  bytes: Uint8Array,
  at: bigint | null = null,
): { second: Uint8Array; time: bigint } | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const unit = view.getUint32(0, true) === 0xa1b23c4d ? 1n : 1000n
  const frames: { time: bigint; start: number; end: number }[] = []
  for (let offset = 24; offset + 16 <= bytes.length; ) {
    const time =
      BigInt(view.getUint32(offset, true)) * 1_000_000_000n + BigInt(view.getUint32(offset + 4, true)) * unit
    const end = offset + 16 + view.getUint32(offset + 8, true)
    frames.push({ time, start: offset, end })
    offset = end
  }
  const times = frames.map(({ time }) => time).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  if (times.length < LEAST_FRAMES) return null
  let cut = times.length >> 1
  for (let i = Math.ceil(times.length / 3); i < (times.length * 2) / 3; i++) {
    if (times[i] - times[i - 1] > times[cut] - times[cut - 1]) cut = i
  }
  const from = at ?? times[cut]
  const kept = frames.filter(({ time }) => time >= from)
  const second = new Uint8Array(24 + kept.reduce((sum, { start, end }) => sum + end - start, 0))
  second.set(bytes.subarray(0, 24))
  let to = 24
  for (const { start, end } of kept) {
    second.set(bytes.subarray(start, end), to)
    to += end - start
  }
  return { second, time: from }
}
