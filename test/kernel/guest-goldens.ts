// Recorded verdicts of kernels in guests, fixtures/kernel-versions/: what is recorded, and how the files are read and written.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { writeCapture } from './capture-file.ts'
import { generateCapture } from './generate.ts'
import { FIXTURES, goldenSysctls } from './goldens.ts'
import type { GuestJob } from './guest.ts'
import { profileNamed } from './profile.ts'
import type { Recording } from './recording.ts'

const FOLDER = join(FIXTURES, 'kernel-versions')
const COLUMNS = ['capture', 'sent', 'state', 'direction', 'seen_reply', 'assured', 'reason']

/** Random captures, made again from their seeds; a change of the generator asks for new recordings. */
const RANDOM = [
  { profile: 'default', seed: 21, packets: 1200 },
  { profile: 'strict', seed: 22, packets: 500 },
  { profile: 'upside-down', seed: 23, packets: 500 },
  { profile: 'checksum', seed: 24, packets: 500 },
] as const

/** Real traffic that meets what kernels differ in, and some that does not. */
const CAPTURES = [
  'report/segment-out-of-window.pcap',
  'report/port-reused.pcap',
  'report/connection-refused.pcap',
  'report/icmp-errors-unrelated.pcap',
  'kernel-versions/rst-behind-own-syn.pcap',
]

/** What is recorded, the random captures written to `directory`. */
export function guestGoldenJobs(directory: string): GuestJob[] {
  const random = RANDOM.map(({ profile: name, seed, packets }): GuestJob => {
    const profile = profileNamed(name)
    const capture = join(directory, `${name}.pcap`)
    writeCapture(capture, generateCapture({ seed, packets, profile }))
    return { name: `random-${name}`, capture, sysctls: profile.sysctls, maxSeconds: 600 }
  })
  const captures = CAPTURES.map(
    (name): GuestJob => ({
      name: name.replaceAll(/[^\w-]/g, '-'),
      capture: join(FIXTURES, name),
      sysctls: goldenSysctls(name),
      maxSeconds: 12,
    }),
  )
  return [...random, ...captures]
}

/** Keeps what the kernel of a release said of each job. */
export function writeGuestGolden(release: string, recordings: ReadonlyMap<string, Recording>): void {
  const rows = [...recordings].flatMap(([name, { verdicts, times }]) =>
    verdicts.map(({ state, direction, seenReply, assured, reason }, i) =>
      [name, times[i], state, direction, seenReply, assured, reason].join('\t'),
    ),
  )
  mkdirSync(FOLDER, { recursive: true })
  const text = `${[COLUMNS.join('\t'), ...rows].join('\n')}\n`
  writeFileSync(pathOf(release), gzipSync(text, { level: 9 }))
}

/** What the kernel of a release said of each job, by its name; null where it was not recorded. */
export function readGuestGolden(release: string): Map<string, Recording> | null {
  if (!existsSync(pathOf(release))) return null
  const recordings = new Map<string, Recording>()
  const lines = gunzipSync(readFileSync(pathOf(release)))
    .toString()
    .split('\n')
    .slice(1, -1)
  for (const line of lines) {
    const [name, sent, state, direction, seenReply, assured, reason] = line.split('\t')
    const recording = recordings.get(name) ?? emptyRecording()
    recordings.set(name, recording)
    recording.times.push(Number(sent))
    recording.verdicts.push({ state, direction, seenReply, assured, reason })
  }
  return recordings
}

function pathOf(release: string): string {
  return join(FOLDER, `${release}.verdicts.tsv.gz`)
}

export function emptyRecording(): Recording {
  return {
    verdicts: [],
    times: [],
    timeouts: new Map(),
    events: [],
    table: [],
    end: 0,
    sysctls: {},
    latest: 0,
  }
}
