// The model of each kernel against what that kernel said, recorded in guests; and what becomes of it under another one.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CURRENT_KERNEL, withHz } from '../../src/conntrack/kernel.ts'
import { disagreementText } from './compare.ts'
import { compareWithKernel, GUEST_SERIES, type GuestJob, guestKernel } from './guest.ts'
import { guestGoldenJobs, readGuestGolden } from './guest-goldens.ts'

let directory: string
let jobs: GuestJob[]

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'guests-'))
  jobs = guestGoldenJobs(directory)
})

afterAll(() => rmSync(directory, { recursive: true }))

describe.each(GUEST_SERIES)('%s', series => {
  const kernel = guestKernel(series)
  const golden = readGuestGolden(kernel.release)

  it('was recorded on all that is to be recorded', () => {
    expect([...(golden?.keys() ?? [])]).toEqual(jobs.map(({ name }) => name))
  })

  it('says what the model of it says', async () => {
    const found: string[] = []
    for (const job of jobs) {
      const recording = golden?.get(job.name)
      if (recording === undefined) continue
      for (const one of await compareWithKernel(job, kernel, recording))
        found.push(`${job.name}: ${disagreementText(one)}`)
    }
    expect(found).toEqual([])
  })

  it('says other things than the model of today', async () => {
    const other = withHz(CURRENT_KERNEL, kernel.hz)
    let count = 0
    for (const job of jobs) {
      const recording = golden?.get(job.name)
      if (recording !== undefined) count += (await compareWithKernel(job, other, recording)).length
    }
    expect(count).toBeGreaterThan(0)
  })
})
