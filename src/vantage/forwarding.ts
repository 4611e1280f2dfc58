// Behind which point a hardware address is, learnt as a bridge learns it: where its frames are seen first.

/** Addresses that are remembered, a power of two; a newer one takes the place of an older one. */
const MOST_MACS = 1024

export class ForwardingTable {
  private readonly macs = new Int32Array(MOST_MACS)
  private readonly points = new Int16Array(MOST_MACS).fill(-1)

  /** Frames of this address (by its last four bytes, not 0) were seen at `point` before anywhere else. */
  learn(mac: number, point: number): void {
    const slot = slotOf(mac)
    this.macs[slot] = mac
    this.points[slot] = point
  }

  /** Whether the address is known to be behind `point`. */
  isBehind(mac: number, point: number): boolean {
    const slot = slotOf(mac)
    return this.macs[slot] === mac && this.points[slot] === point
  }
}

function slotOf(mac: number): number {
  return (Math.imul(mac, 0x9e3779b1) >>> 22) & (MOST_MACS - 1)
}
