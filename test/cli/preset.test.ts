// Presets: every value is one the kernel would take, and kube-proxy's maximum follows the cores.
import { describe, expect, it } from 'vitest'
import { PRESET_NAMES, presetValues } from '../../src/cli/options/preset.ts'
import { readSysctls } from '../../src/cli/options/sysctl.ts'
import { enforcesMaximum } from '../../src/cli/replay/sysctls.ts'
import { isSysctlName } from '../../src/conntrack/settings.ts'
import { runCli } from '../support/cli.ts'

describe('presets', () => {
  it.each(PRESET_NAMES)('%s sets sysctls that there are, to whole numbers', name => {
    const { kernel, helpers, networks, dataPlane, ...values } = presetValues('--preset', name, 4)
    for (const [sysctl, value] of Object.entries(values)) {
      expect(isSysctlName(sysctl)).toBe(true)
      // maps that evict have no maximum
      const least = dataPlane !== undefined && sysctl === 'nf_conntrack_max' ? 0 : 1
      expect(Number.isInteger(value) && value >= least).toBe(true)
    }
  })

  it.each([
    [1, 131072],
    [4, 131072],
    [5, 163840],
    [32, 1048576],
    [96, 1048576],
  ])('kube-proxy on %d cores has a maximum of %d', (cores, maximum) => {
    expect(presetValues('--preset', 'kube-proxy', cores)).toMatchObject({
      nf_conntrack_max: maximum,
      nf_conntrack_buckets: 262144,
      nf_conntrack_tcp_timeout_established: 86400,
      nf_conntrack_tcp_timeout_close_wait: 3600,
    })
  })

  it('give way to files and to --set, and enforce a maximum they have', () => {
    const preset = presetValues('--preset', 'kube-proxy', 4)
    const file = { path: 'node', text: 'net.netfilter.nf_conntrack_max = 70000' }
    const { settings } = readSysctls([file], ['tcp_timeout_close_wait=9'], preset)
    expect(settings).toMatchObject({
      nf_conntrack_max: 70000,
      nf_conntrack_tcp_timeout_close_wait: 9,
      nf_conntrack_tcp_timeout_established: 86400,
    })
    expect(enforcesMaximum(readSysctls([], [], preset))).toBe(true)
    expect(enforcesMaximum(readSysctls([], [], presetValues('--preset', 'cilium', 4)))).toBe(false)
  })

  it.each([
    ['cilium', 'Cilium'],
    ['calico-ebpf', 'Calico'],
  ])('%s says in both reports what remains of Linux, and knows no maximum', async (preset, name) => {
    const told = `The timeouts are those of ${name}'s eBPF maps. States, windows, and what is INVALID or RELATED remain Linux's`
    for (const command of ['analyze', 'size']) {
      const { stdout } = await runCli([command, 'fixtures/report/syn-flood.pcap', '--preset', preset])
      const text = stdout.replaceAll(/\s+/g, ' ')
      expect(text).toContain(told)
      expect(text).not.toMatch(/of [\d,]+ entries|early drop evicted|0 refused/)
    }
    const { stdout } = await runCli(['size', '--json', 'fixtures/report/syn-flood.pcap', '--preset', preset])
    expect(JSON.parse(stdout)).toMatchObject({ dataPlane: name, advice: { isEnough: true } })
  })
})
