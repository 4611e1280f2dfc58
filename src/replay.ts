// The spine: every frame of the captures is decoded, reassembled, tracked and shown to the witness, one line each.
import type { FrameSource } from './capture/frame.ts'
import type { Engine } from './conntrack/engine.ts'
import { decode } from './packet/decode.ts'
import { type Defragmenter, FRAGMENT_COMPLETED, FRAGMENT_NONE, FRAGMENT_QUEUED } from './packet/fragments.ts'
import { Packet } from './packet/packet.ts'

/** What became of a frame. */
export const FRAME_TRACKED = 0
/** No packet that conntrack gets to see; `packet.fault` tells why. */
export const FRAME_SKIPPED = 1
/** A fragment that waits for the rest of its datagram. */
export const FRAME_QUEUED = 2
/** A fragment that reassembly threw away. */
export const FRAME_LOST = 3

/** Sees every frame after the engine did. The packet is the replay's reused record. */
export interface Witness {
  seen(packet: Packet, outcome: number): void
}

/**
 * Replays a source through one or several engines, each frame in the order of the source.
 * When it resolves, the engines stand at the time of the last frame.
 */
export async function replay(
  source: FrameSource,
  engines: readonly Engine[],
  fragments: Defragmenter,
  witness: Witness,
): Promise<void> {
  const packet = new Packet()
  do {
    for (let frame = source.next(); frame !== null; frame = source.next()) {
      const outcome = decode(frame, packet) ? reassemble(fragments, packet) : FRAME_SKIPPED
      if (outcome === FRAME_TRACKED) for (let i = 0; i < engines.length; i++) engines[i].track(packet)
      witness.seen(packet, outcome)
    }
  } while (await source.fill())
}

function reassemble(fragments: Defragmenter, packet: Packet): number {
  switch (fragments.defragment(packet)) {
    case FRAGMENT_NONE:
    case FRAGMENT_COMPLETED:
      return FRAME_TRACKED
    case FRAGMENT_QUEUED:
      return FRAME_QUEUED
    default:
      return FRAME_LOST
  }
}
