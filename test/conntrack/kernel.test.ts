// Which kernel a release means, how well that is known, and what the trackers of each make of the same segments.
import { describe, expect, it } from 'vitest'
import { CURRENT_KERNEL, kernelOf, RELEASES } from '../../src/conntrack/kernel.ts'
import { defaultSettings } from '../../src/conntrack/settings.ts'

describe('a release', () => {
  it.each([
    ['5.10.46', '5.10.46', 'verified'],
    ['5.10', '5.10.262', 'verified'],
    ['5.10.262', '5.10.262', 'verified'],
    ['5.10.300', '5.10.262', 'verified'],
    ['5.10.0-28-amd64', '5.10.262', 'presumed'],
    // between the two that differ
    ['5.10.100', '5.10.46', 'presumed'],
    ['5.10.7', '5.10.46', 'presumed'],
    ['5.15', '5.15', 'read'],
    ['5.15.0-91-generic', '5.15', 'presumed'],
    ['5.15.167.4-microsoft-standard-WSL2', '5.15', 'presumed'],
    ['6.1', '6.1', 'verified'],
    ['6.1.176', '6.1', 'verified'],
    ['6.12', '6.12.117', 'read'],
    ['6.12.113+deb13-amd64', '6.12.113', 'verified'],
    ['6.12.115', '6.12.113', 'presumed'],
    ['6.12.5', '6.12.113', 'presumed'],
    ['6.13', '6.12.117', 'presumed'],
    ['6.18.44', '6.18', 'verified'],
    ['7.2', '7.2', 'verified'],
    // between series: the nearest older one
    ['6.8.0-45-generic', '6.1', 'presumed'],
    ['5.16', '5.15', 'presumed'],
    ['5.14.0-427.13.1.el9_4.x86_64', '5.10.262', 'presumed'],
    ['7.3.4', '7.2', 'presumed'],
    // older than all
    ['4.18.0-513.el8.x86_64', '5.10.46', 'presumed'],
    ['5.4', '5.10.46', 'presumed'],
  ])('%s means %s, %s', (asked, release, basis) => {
    expect(kernelOf(asked, 'option')).toMatchObject({ asked, release, basis, origin: 'option', hz: 250 })
  })

  it.each(['', '6', 'six', '6.1.x', 'v6.1', '6.1 ', '99999.1'])('%j is none', asked => {
    expect(kernelOf(asked, 'option')).toBeNull()
  })

  it('of today is what is replayed where nothing is said', () => {
    expect(CURRENT_KERNEL.traits).toEqual(kernelOf('6.18', 'option')?.traits)
    expect(defaultSettings()).toEqual(defaultSettings(CURRENT_KERNEL))
  })

  it('tells each of them apart by some trait', () => {
    const traits = RELEASES.map(release => JSON.stringify(kernelOf(release, 'option')?.traits))
    expect(new Set(traits).size).toBe(RELEASES.length)
  })
})

describe('defaults', () => {
  const of = (release: string) => defaultSettings(kernelOf(release, 'option') ?? undefined)

  it('had a quarter of the buckets, and events always on', () => {
    expect(of('5.10')).toMatchObject({
      nf_conntrack_max: 262144,
      nf_conntrack_buckets: 65536,
      nf_conntrack_expect_max: 1024,
      nf_conntrack_events: 1,
    })
    expect(of('5.15')).toMatchObject({ nf_conntrack_buckets: 262144, nf_conntrack_events: 1 })
    expect(of('6.1')).toEqual({ ...defaultSettings(), kernel: kernelOf('6.1', 'option') })
  })

  it('kept SCTP associations for five days', () => {
    expect(of('5.10.46').nf_conntrack_sctp_timeout_established).toBe(432000)
    expect(of('5.10.262').nf_conntrack_sctp_timeout_established).toBe(210)
  })
})
