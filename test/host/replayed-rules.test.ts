// Ten hosts' rulesets with captures, held against what their kernels did: each packet's fate, each rule's counter, each new entry.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { compareRules } from '../kernel/rules-comparison.ts'

const corpus = process.env.CTPCAP_CORPUS
const folder = join(corpus ?? '', 'rules')

/** What a capture of all interfaces cannot show of a case, and what comes of that. */
const HIDDEN: Record<string, { unknown?: number; counters?: string[]; events?: string[] }> = {
  // the host's own connection to a published port was translated in OUTPUT: no interface shows whom it asked for
  'docker-published': {
    counters: ['ip nat OUTPUT policy', 'ip nat rules.txt:8', 'ip nat rules.txt:14'],
    events: [
      '+ tcp src=192.0.2.10 dst=172.18.0.3 sport=40009 dport=80 | src=172.18.0.3 dst=192.0.2.10 sport=80 dport=40009',
      '- tcp src=192.0.2.10 dst=192.0.2.10 sport=40009 dport=8080 | src=172.18.0.3 dst=192.0.2.10 sport=80 dport=40009',
    ],
  },
  // for 127.0.0.5 from outside: route_localnet is not among the sysctls recorded
  'kube-policy': {
    unknown: 1,
    events: [
      '+ udp src=10.244.7.6 dst=127.0.0.5 sport=4 dport=5 | src=127.0.0.5 dst=10.244.7.6 sport=5 dport=4',
    ],
  },
  // a limit; an answer of the host that its own OUTPUT dropped
  'openwrt-fw4': {
    unknown: 5,
    counters: ['inet fw4 nft.json handle 42', 'inet fw4 nft.json handle 61', 'inet fw4 nft.json handle 66'],
  },
  // what the host's own OUTPUT refused, and the answers to itself over lo
  'reject-reset': {
    counters: [
      'ip filter INPUT policy',
      'ip filter rules.txt:6',
      'ip filter rules.txt:12',
      'ip filter rules.txt:13',
    ],
  },
  // limits
  'ufw-default': { unknown: 7 },
}

describe.skipIf(!existsSync(folder))('rules of a host, run over its captures', () => {
  it.each([
    'docker-published',
    'firewalld-zones',
    'invalid-drop',
    'kube-policy',
    'notrack-stateful',
    'openwrt-fw4',
    'reject-reset',
    'rp-filter-strict',
    'scan-default-drop',
    'ufw-default',
  ])('%s: as the kernel ran them', async name => {
    const { wrong, counters, events, unknown, packets } = await compareRules(join(folder, name))
    const { unknown: hidden = 0, counters: untold = [], events: unseen = [] } = HIDDEN[name] ?? {}
    expect(packets).toBeGreaterThan(20)
    expect(wrong).toEqual([])
    expect(counters.map(line => line.split(': ')[0])).toEqual(untold)
    expect(events).toEqual(unseen)
    expect(unknown).toBe(hidden)
  })
})
