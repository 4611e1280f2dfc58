// Runs the NAT detectors over captures, as sighted packets.
import { openCaptures } from '../../src/capture/open.ts'
import { Engine } from '../../src/conntrack/engine.ts'
import { defaultSettings } from '../../src/conntrack/settings.ts'
import type { Informant } from '../../src/findings/cases.ts'
import type { Finding } from '../../src/findings/finding.ts'
import { LocalHearing } from '../../src/findings/listener.ts'
import { SightFeed } from '../../src/findings/sight-feed.ts'
import { Defragmenter } from '../../src/packet/fragments.ts'
import { FRAME_LATE, FRAME_TRACKED, FRAME_UNMET, replay } from '../../src/replay.ts'
import { Points } from '../../src/vantage/points.ts'
import { SightingWindow } from '../../src/vantage/window.ts'

const SILENT = { created() {}, updated() {}, reclassified() {}, expired() {}, destroyed() {} }

/** The findings of a replay of `paths`, merged by time; with the sightings of each packet, or frame by frame. */
export async function watchCaptures(
  paths: string[],
  isSighted = true,
  informant: Informant | null = null,
): Promise<Finding[]> {
  const source = await openCaptures(paths)
  try {
    const window = new SightingWindow(source, {
      bridgeCalls: { ipv4: null, ipv6: null },
      keepsPayload: false,
    })
    const points = isSighted ? window.points : new Points(source)
    const hearing = new LocalHearing()
    const feed = new SightFeed(hearing.queue, points)
    const engine = new Engine(defaultSettings(), SILENT)
    await replay(
      source,
      [engine],
      new Defragmenter(),
      {
        seen(packet, outcome, sightings) {
          if (outcome === FRAME_TRACKED || outcome === FRAME_UNMET || outcome === FRAME_LATE) {
            feed.packet(packet, sightings)
          }
        },
      },
      isSighted ? window : null,
    )
    const pointNames = points.all.map((_, point) => points.name(point))
    const { found } = await hearing.conclude({ pointNames, end: 0 })
    return found.map(({ finding, parties }) => informant?.(finding, parties) ?? finding)
  } finally {
    await source.close()
  }
}
