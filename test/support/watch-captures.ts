// Runs the NAT detectors over captures, as sighted packets.
import { openCaptures } from '../../src/capture/open/open.ts'
import { Engine } from '../../src/conntrack/engine.ts'
import { CAUSE_REOPENED, CAUSE_RESET } from '../../src/conntrack/events.ts'
import { defaultSettings } from '../../src/conntrack/settings.ts'
import { FlowTracker } from '../../src/findings/flow-tracker.ts'
import type { Informant } from '../../src/findings/facts/collector.ts'
import type { Finding } from '../../src/findings/facts/facts.ts'
import { Defragmenter } from '../../src/packet/defrag/fragments.ts'
import { FRAME_LATE, FRAME_TRACKED, FRAME_UNMET, replay } from '../../src/replay.ts'
import { Points } from '../../src/vantage/record/points.ts'
import { SightingWindow } from '../../src/vantage/window.ts'

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
    let dying = -1
    const engine = new Engine(defaultSettings(), {
      created() {},
      updated() {},
      reclassified() {},
      expired() {},
      destroyed(ct, cause) {
        if (cause === CAUSE_REOPENED) tracker.reopens(ct)
        else if (cause === CAUSE_RESET) dying = ct
        else tracker.ended(ct)
      },
    })
    const tracker = new FlowTracker(engine.table, points, false)
    await replay(
      source,
      [engine],
      new Defragmenter(),
      {
        seen(packet, outcome, sightings) {
          if (outcome === FRAME_TRACKED || outcome === FRAME_UNMET || outcome === FRAME_LATE) {
            tracker.packet(packet, sightings, outcome === FRAME_TRACKED ? engine.key >> 1 : -1)
            if (dying >= 0) tracker.ended(dying, true)
            dying = -1
          }
        },
      },
      isSighted ? window : null,
    )
    const found = tracker.conclude(point => points.name(point))
    return found.flatMap(({ finding, parties, isOpen }) => {
      const informed = informant === null ? finding : informant(finding, parties)
      return informed === null || (isOpen && informed.confidence !== 'certain') ? [] : [informed]
    })
  } finally {
    await source.close()
  }
}
