// npm run conformance: the model against recorded verdicts of kernels, then against the running one, or one in a guest, on random captures.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type CaptureRecords, readCapture, writeCapture } from './capture-file.ts'
import { compareDirectory, type Disagreement, disagreementText } from './compare.ts'
import { compareCorpus } from './corpus.ts'
import { generateCapture } from './generate.ts'
import { compareGoldens, FIXTURES, fixturesOfGuests, goldenSysctls } from './goldens.ts'
import { GUEST_SERIES, type GuestJob, guestKernel, judgeGuest, recordInGuest } from './guest.ts'
import { PROFILES, type Profile, profileNamed } from './profile.ts'
import { RecordingUnavailable, recordTo } from './record.ts'
import { CAPTURE } from './recording.ts'
import { conversationText, shrink } from './shrink.ts'

const USAGE = `run.ts [--live PACKETS] [--seed N] [--profile NAME] [--max-seconds N] [--parallel N] [--keep DIRECTORY]
       run.ts --kernel ${GUEST_SERIES.join('|')} [--live PACKETS] [--seed N] [--profile NAME] [--fixtures]
The captures under CTPCAP_CORPUS, when it is set, are replayed too, up to --max-seconds of each. With --kernel they hold the starter of guests.`

/** Packets of one recording at most: more would only need more memory. */
const BATCH = 100_000

interface Batch {
  seed: number
  packets: number
  profile: Profile
}

/** Splits the packets over the profiles, each with seeds of its own. */
function batchesOf(packets: number, seed: number, profiles: readonly Profile[]): Batch[] {
  const rounds = Math.ceil(packets / (BATCH * profiles.length))
  const each = Math.ceil(packets / (rounds * profiles.length))
  return Array.from({ length: rounds * profiles.length }, (_, i) => ({
    seed: seed + i,
    packets: each,
    profile: profiles[i % profiles.length],
  }))
}

interface BatchOutcome {
  /** Packets that the model was compared on. */
  packets: number
  agreed: boolean
}

/** Makes, records and compares one capture. */
async function runBatch(batch: Batch, directory: string): Promise<BatchOutcome> {
  const { seed, profile } = batch
  const capture = generateCapture(batch)
  const path = join(directory, CAPTURE)
  writeCapture(path, capture)
  const inTime = await recordTo(path, directory, profile.sysctls)
  const first = await compareDirectory(directory)
  const { kernel } = first
  const packets = kernel.verdicts.length
  const found = inTime ? await foundAgain(first.found, path, directory, profile) : first.found
  if (!inTime && found.length > 0) {
    const late = Math.round(kernel.latest / 1000)
    console.log(
      `seed ${seed}, ${profile.name}: not counted, the machine was too busy to send in time (${late} ms late)`,
    )
    return { packets: 0, agreed: true }
  }
  const count = found.length === 0 ? 'no disagreement' : `${found.length} disagreements`
  console.log(`seed ${seed}, ${profile.name}: ${packets} packets, ${count}`)
  if (found.length === 0) return { packets, agreed: true }
  for (const disagreement of found.slice(0, 5)) console.log(disagreementText(disagreement))
  const at = found.find(({ frame }) => frame > 0)?.frame
  if (at !== undefined) await printShrunk(readCapture(path), at, profile)
  return { packets, agreed: false }
}

/**
 * The disagreements that a second recording of the capture shows, too. One that meets a timeout in the jiffy in which it
 * is due depends on when within it the kernel got the packet: that is another time each time.
 */
async function foundAgain(
  found: readonly Disagreement[],
  path: string,
  directory: string,
  profile: Profile,
): Promise<Disagreement[]> {
  if (found.length === 0) return []
  await recordTo(path, directory, profile.sysctls)
  const second = await compareDirectory(directory)
  const again = found.filter(one =>
    second.found.some(({ frame, what }) => frame === one.frame && what === one.what),
  )
  for (const one of found) if (!again.includes(one)) console.log(`not seen again: ${disagreementText(one)}`)
  return again
}

async function printShrunk(capture: CaptureRecords, frame: number, profile: Profile): Promise<void> {
  console.log(`the conversation of frame ${frame}, as short as it still disagrees:`)
  const shrunk = await shrink(capture, frame, profile)
  console.log(shrunk === null ? 'alone it does not disagree' : conversationText(shrunk.frames, shrunk.trial))
}

/** Runs batches, some at once, and returns whether all agreed. */
async function runLive(
  batches: readonly Batch[],
  parallel: number,
  keep: string | undefined,
): Promise<boolean> {
  const waiting = [...batches]
  let packets = 0
  let agreed = true
  const work = async (): Promise<void> => {
    for (let batch = waiting.shift(); batch !== undefined; batch = waiting.shift()) {
      const directory = mkdtempSync(join(keep ?? tmpdir(), `${batch.profile.name}-${batch.seed}-`))
      try {
        const outcome = await runBatch(batch, directory)
        agreed &&= outcome.agreed
        packets += outcome.packets
      } finally {
        if (keep === undefined) rmSync(directory, { recursive: true })
      }
    }
  }
  await Promise.all(Array.from({ length: parallel }, work))
  console.log(
    `live: ${packets} random packets, ${agreed ? 'the kernel and the model agree on all' : 'disagreements'}`,
  )
  return agreed
}

/** Seconds of a fixture that a guest is shown. */
const FIXTURE_SECONDS = 12

/** Shows a guest's kernel random captures, and fixtures if wanted; returns whether the model agrees on all. */
async function runGuest(series: string, batches: readonly Batch[], withFixtures: boolean): Promise<boolean> {
  const directory = mkdtempSync(join(tmpdir(), `guest-${series}-`))
  try {
    const random = batches.map((batch): GuestJob => {
      const name = `${batch.profile.name}-${batch.seed}`
      const capture = join(directory, `${name}.pcap`)
      writeCapture(capture, generateCapture(batch))
      return { name, capture, sysctls: batch.profile.sysctls, maxSeconds: 600 }
    })
    const fixtures = (withFixtures ? fixturesOfGuests() : []).map(
      (name): GuestJob => ({
        name: name.replaceAll(/[^\w-]/g, '-'),
        capture: join(FIXTURES, name),
        sysctls: goldenSysctls(name),
        maxSeconds: FIXTURE_SECONDS,
      }),
    )
    return await compareGuest(series, [...random, ...fixtures], directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Records jobs in a guest; what the model says otherwise is recorded again, and counts if it is found again. */
async function compareGuest(series: string, jobs: readonly GuestJob[], directory: string): Promise<boolean> {
  const kernel = guestKernel(series)
  await recordInGuest(series, jobs, directory)
  const first = await Promise.all(jobs.map(job => judgeGuest(job, kernel, directory)))
  const packets = first.reduce((sum, { recording }) => sum + recording.verdicts.length, 0)
  const suspects = jobs.filter((_, i) => first[i].found.length > 0)
  if (suspects.length > 0) await recordInGuest(series, suspects, directory)
  let count = 0
  for (const job of suspects) {
    const before = first[jobs.indexOf(job)].found
    const again = (await judgeGuest(job, kernel, directory)).found
    const found = before.filter(one => again.some(({ frame }) => frame === one.frame))
    count += found.length
    for (const one of before.filter(each => !found.includes(each)).slice(0, 3))
      console.log(`${job.name}, not seen again: ${disagreementText(one)}`)
    for (const one of found.slice(0, 5)) console.log(`${job.name}: ${disagreementText(one)}`)
  }
  console.log(`guest ${series}: ${packets} packets in ${jobs.length} captures, ${count} disagreements`)
  return count === 0
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      live: { type: 'string', default: '50000' },
      seed: { type: 'string', default: '1' },
      profile: { type: 'string' },
      'max-seconds': { type: 'string', default: '60' },
      parallel: { type: 'string', default: '2' },
      keep: { type: 'string' },
      kernel: { type: 'string' },
      fixtures: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) {
    console.log(USAGE)
    return
  }
  const profiles = values.profile === undefined ? PROFILES : [profileNamed(values.profile)]
  const batches = batchesOf(Number(values.live), Number(values.seed), profiles)
  const { kernel } = values
  const agreed =
    kernel === undefined
      ? await compareHere(batches, Number(values.parallel), Number(values['max-seconds']), values.keep)
      : await unlessUnavailable(() => runGuest(kernel, batches, values.fixtures === true))
  if (!agreed) process.exitCode = 1
}

/** Goldens, the running kernel, and what CTPCAP_CORPUS holds. */
async function compareHere(
  batches: readonly Batch[],
  parallel: number,
  maxSeconds: number,
  keep: string | undefined,
): Promise<boolean> {
  let agreed = await compareGoldens()
  const corpus = process.env.CTPCAP_CORPUS
  const live = async (): Promise<boolean> => {
    if (batches.length > 0) agreed = (await runLive(batches, parallel, keep)) && agreed
    if (corpus === undefined) console.log('corpus: skipped, CTPCAP_CORPUS is not set')
    else agreed = (await compareCorpus(corpus, maxSeconds, parallel)) && agreed
    return agreed
  }
  return (await unlessUnavailable(live)) && agreed
}

/** What `compare` answers, or true, with a message, where the kernel cannot be asked. */
async function unlessUnavailable(compare: () => Promise<boolean>): Promise<boolean> {
  try {
    return await compare()
  } catch (error) {
    if (!(error instanceof RecordingUnavailable)) throw error
    console.log(`live: skipped, ${error.message}`)
    return true
  }
}

await main()
