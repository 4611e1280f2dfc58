// Records what the kernels in guests say of the captures of guest-goldens.ts, for guest-goldens.test.ts to compare with.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { disagreementText } from './compare.ts'
import { GUEST_SERIES, guestKernel, judgeGuest, recordInGuest } from './guest.ts'
import { guestGoldenJobs, writeGuestGolden } from './guest-goldens.ts'
import type { Recording } from './recording.ts'

const wanted = process.argv.slice(2)
for (const series of wanted.length > 0 ? wanted : GUEST_SERIES) {
  const directory = mkdtempSync(join(tmpdir(), `guest-${series}-`))
  try {
    const kernel = guestKernel(series)
    const jobs = guestGoldenJobs(directory)
    await recordInGuest(series, jobs, directory)
    const recordings = new Map<string, Recording>()
    for (const job of jobs) {
      const { recording, found } = await judgeGuest(job, kernel, directory)
      recordings.set(job.name, recording)
      for (const one of found.slice(0, 3)) console.log(`${series}, ${job.name}: ${disagreementText(one)}`)
    }
    writeGuestGolden(kernel.release, recordings)
    console.log(`${series}: ${jobs.length} captures`)
  } finally {
    rmSync(directory, { recursive: true })
  }
}
