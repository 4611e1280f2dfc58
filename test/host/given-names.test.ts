// Small words of side files: names of interfaces, names of addresses, comments of packets, and what kube-proxy's comments say.
import { describe, expect, it } from 'vitest'
import { PacketComments } from '../../src/capture/packet-comments.ts'
import { isInterfaceName } from '../../src/host/files/interface-name.ts'
import { Cluster } from '../../src/host/kubernetes/cluster.ts'
import { Names, NO_NAMES } from '../../src/host/names/names.ts'
import { servicePurpose } from '../../src/host/rules/kube-proxy.ts'
import type { Rule } from '../../src/host/rules/ruleset.ts'

describe('a name of an interface', () => {
  it.each(['a', 'eth0', 'eth0.100', '...', 'veth-1_2', 'x'.repeat(15), 'ü'.repeat(7)])('may be %s', name => {
    expect(isInterfaceName(name)).toBe(true)
  })

  it.each(['', '.', '..', 'a b', 'a/b', 'a:1', 'a\0', 'x'.repeat(16), 'ü'.repeat(8)])('is not %j', name => {
    expect(isInterfaceName(name)).toBe(false)
  })
})

describe('names of addresses', () => {
  it('are none without objects and lists, or with lists that are empty', () => {
    expect(NO_NAMES.isEmpty).toBe(true)
    expect(new Names(null, [new Map()]).isEmpty).toBe(true)
    expect(new Names(null, [new Map([['10.0.0.1', 'a']])]).isEmpty).toBe(false)
    expect(new Names(new Cluster(), []).isEmpty).toBe(false)
  })
})

describe('a comment on a packet', () => {
  it('is kept up to a length, and then says that there was more', () => {
    const comments = new PacketComments()
    comments.note(1, 'x'.repeat(240))
    comments.note(2, `${'x'.repeat(239)}yz`)
    expect(comments.of(1)).toBe('x'.repeat(240))
    expect(comments.of(2)).toBe(`${'x'.repeat(239)}…`)
  })
})

describe('what kube-proxy refuses on purpose', () => {
  const rule = (comment: string): Rule => ({ source: { comment }, steps: [] }) as unknown as Rule

  it.each([
    ['KUBE-SERVICES', 'default/web:http has no endpoints', 'no-endpoints'],
    ['KUBE-EXTERNAL-SERVICES', 'default/web:http has no local endpoints', 'no-local-endpoints'],
    ['KUBE-SERVICES', 'default/web:http cluster IP', null],
    ['KUBE-FW-XYZ', '', 'source-ranges'],
    ['KUBE-PROXY-FIREWALL', 'default/web:http traffic not accepted', 'source-ranges'],
    ['MINE', 'default/web:http has no endpoints', null],
  ])('in %s: %s', (chain, comment, purpose) => {
    expect(servicePurpose('filter', chain, rule(comment))).toBe(purpose)
  })
})
