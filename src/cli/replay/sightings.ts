// `--replay`: every packet once, with all the frames that show it, or frame by frame; clocks of several captures set right.
import { CaptureError } from '../../capture/error.ts'
import type { FrameSource } from '../../capture/frame.ts'
import { openCaptures } from '../../capture/open/open.ts'
import { rewrittenPorts } from '../../conntrack/helper-assignment.ts'
import type { Knowledge } from '../../host/knowledge.ts'
import type { Rules } from '../../host/rules/rules.ts'
import { clockText } from '../../report/analyze/sightings-report.ts'
import {
  type ClockOffset,
  type ClockSample,
  estimateOffsets,
  sampleClock,
} from '../../vantage/survey/clock-offset.ts'
import { SightingWindow } from '../../vantage/window.ts'
import type { Io } from '../io/io.ts'
import { isRegularFile } from '../io/regular-file.ts'
import { DECODABLE } from './decodable.ts'
import type { Sysctls } from './sysctls.ts'

export const REPLAYS = ['auto', 'frames'] as const
export type Replay = (typeof REPLAYS)[number]

export const REPLAY_HELP: Record<Replay, string> = {
  auto: 'every packet goes through conntrack once, however many interfaces show it, with the translation they show',
  frames: 'every frame as it was captured, in order',
}

/** A set of more captures is a rotated one, of one clock. */
const MOST_CLOCKS = 32

/** Rules of a host that packets are replayed through, and those that might come in their place. */
export interface RulesAtHand {
  knowledge: Knowledge | null
  after?: Rules | null
}

/** The window for a replay of `source`, or null where frames are replayed as they come. */
export function windowFor(
  source: FrameSource,
  sysctls: Sysctls,
  replay: Replay,
  rules: RulesAtHand,
): SightingWindow | null {
  return replay === 'frames' ? null : windowOver(source, sysctls, rules)
}

/** The window for a replay of packets with all their sightings. */
export function windowOver(
  source: FrameSource,
  { settings, host }: Sysctls,
  { knowledge, after = null }: RulesAtHand,
): SightingWindow {
  const given = [knowledge?.rules ?? null, after]
  const readsPayload =
    settings.helpers.length > 0 || given.some(rules => (rules?.ruleset.helpers.length ?? 0) > 0)
  return new SightingWindow(source, {
    bridgeCalls: bridgeCallsOf(host),
    keepsPayload: settings.nf_conntrack_checksum !== 0 || readsPayload,
    rewrittenPorts: rewrittenPorts(settings.helpers),
  })
}

/** What was given of bridge-nf-call-iptables and -ip6tables. */
export function bridgeCallsOf(host: Sysctls['host']): { ipv4: number | null; ipv6: number | null } {
  return {
    ipv4: host['net.bridge.bridge-nf-call-iptables'] ?? null,
    ipv6: host['net.bridge.bridge-nf-call-ip6tables'] ?? null,
  }
}

/** Nanoseconds to add to the stamps of each capture, whose clocks differ; says so, a line each. */
export async function clockCorrections(
  captures: readonly string[],
  replay: Replay,
  io: Io,
): Promise<number[]> {
  const offsets = await clockOffsets(captures, replay)
  const paths = captures.map(path => ({ path }))
  for (const [capture, offset] of offsets.entries()) {
    if (offset === null) continue
    const clock = { ...offset, capture, correction: offset.correction / 1e9 }
    io.stderr.write(`ctpcap: ${clockText(clock, paths)}\n`)
  }
  return correctionsOf(offsets)
}

/** How far the clock of each capture is off; null where it counts as right, empty where nothing can be said. */
export async function clockOffsets(
  captures: readonly string[],
  replay: Replay,
): Promise<(ClockOffset | null)[]> {
  if (replay === 'frames' || captures.length < 2 || captures.length > MOST_CLOCKS) return []
  const samples: ClockSample[] = []
  for (const path of captures) {
    // what can be read only once is not read ahead
    if (!(await isRegularFile(path))) return []
    const sample = await sampleOf(path)
    if (sample === null) return []
    samples.push(sample)
  }
  return estimateOffsets(samples)
}

/** Nanoseconds to add to the stamps of each capture. */
export function correctionsOf(offsets: readonly (ClockOffset | null)[]): number[] {
  return offsets.map(offset => offset?.correction ?? 0)
}

/** Null for what is no capture: opening it in earnest will say why. */
async function sampleOf(path: string): Promise<ClockSample | null> {
  let source: FrameSource | null = null
  try {
    source = await openCaptures([path], DECODABLE)
    return await sampleClock(source)
  } catch (error) {
    if (error instanceof CaptureError) return null
    throw error
  } finally {
    await source?.close()
  }
}
