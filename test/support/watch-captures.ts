// Runs the NAT detectors over captures, as sighted packets.
import { openCaptures } from '../../src/capture/open/open.ts'
import { Engine } from '../../src/conntrack/engine.ts'
import { CAUSE_REOPENED, CAUSE_RESET } from '../../src/conntrack/events.ts'
import { defaultSettings } from '../../src/conntrack/settings.ts'
import { inOrder } from '../../src/findings/detectors/list.ts'
import { FlowTracker } from '../../src/findings/flow-tracker.ts'
import { type Informant, informedBy } from '../../src/findings/rule-evidence.ts'
import type { Finding } from '../../src/findings/wording/finding.ts'
import { say } from '../../src/findings/wording/say.ts'
import { Defragmenter } from '../../src/packet/defrag/fragments.ts'
import { FRAME_LATE, FRAME_TRACKED, FRAME_UNMET, replay } from '../../src/replay.ts'
import { Points } from '../../src/vantage/record/points.ts'
import { SightingWindow } from '../../src/vantage/window.ts'

/** The findings of a replay of `paths`, merged by time; with the sightings of each packet, or frame by frame. */
export async function watchCaptures(
  paths: string[],
  isSighted = true,
  informant: Informant = informedBy(null),
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
            tracker.packet(packet, sightings, outcome === FRAME_TRACKED ? engine.key : -1)
            if (dying >= 0) tracker.ended(dying, true)
            dying = -1
          }
        },
      },
      isSighted ? window : null,
    )
    const faults = tracker.conclude().filter(({ severity }) => severity !== 'info')
    const told = inOrder(faults.flatMap(facts => informant(facts) ?? []))
    return told.map(facts => say(facts, point => points.name(point)))
  } finally {
    await source.close()
  }
}
