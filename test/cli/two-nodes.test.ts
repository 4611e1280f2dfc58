// Both nodes of recorded cases in one command: a story is told where one node spoils what the other shows, and nowhere else.
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import { collectionPath } from '../support/recorded-captures.ts'

/** Cases in which one node shows what the other does; all others have no story. */
const STORIES: Record<string, string> = {
  'other-way-iptables': 'dsr-untranslated-reply on w1: dsr-untranslated-reply on w2',
  'k8s-k8s44916': 'dsr-untranslated-reply on w2: dsr-untranslated-reply on w1',
}

interface Pair {
  name: string
  args: string[]
}

function pairs(): Pair[] {
  const kubernetes = collectionPath('kubernetes')
  const wild = collectionPath('wild')
  const clusters = (kubernetes === null ? [] : readdirSync(kubernetes))
    .filter(name => existsSync(join(kubernetes ?? '', name, 'worker-2', 'captures', 'any.pcap')))
    .map(name => {
      const folder = join(kubernetes ?? '', name)
      const isNft = name.includes('-nftables')
      return {
        name,
        args: [...ofNode('w1', folder, isNft), ...ofNode('w2', join(folder, 'worker-2'), isNft)],
      }
    })
  const cases = (wild === null ? [] : readdirSync(wild))
    .filter(name => existsSync(join(wild ?? '', name, 'captures', 'nodeB-any.pcap')))
    .map(name => ({ name, args: ofCase(join(wild ?? '', name)) }))
  return [...clusters, ...cases]
}

function ofNode(node: string, folder: string, isNft: boolean): string[] {
  const given = (option: string, file: string): string[] => {
    const path = join(folder, file)
    return existsSync(path) && statSync(path).size > 0 ? [option, `${node}=${path}`] : []
  }
  return [
    `${node}=${join(folder, 'captures', 'any.pcap')}`,
    ...given('--rules', 'rules.txt'),
    ...(isNft ? given('--rules', 'nft.json') : []),
    ...given('--topology', 'topology.txt'),
    ...given('--sysctl', 'sysctl.txt'),
  ]
}

function ofCase(folder: string): string[] {
  const file = (node: string, name: string): string => `${node}=${join(folder, name)}`
  return [
    ...[file('w1', 'captures/any.pcap'), file('w2', 'captures/nodeB-any.pcap')],
    ...['--rules', file('w1', 'rules.txt'), '--rules', file('w2', 'nodeB-rules.txt')],
    ...['--topology', file('w1', 'topo.txt'), '--topology', file('w2', 'nodeB-topo.txt')],
  ]
}

interface Document {
  connections: {
    causes: { host: string; id: string; consequences: { host: string; id: string }[] }[]
  }[]
  hosts: { report: { findings: { severity: string }[] } }[]
}

const all = pairs()
if (all.length === 0)
  console.warn('two-nodes.test.ts: skipped, CTPCAP_CORPUS names no folder with cases of two nodes')

describe.skipIf(all.length === 0)('both nodes in one command', { timeout: 120_000 }, () => {
  it('are those of every case that has a story', () => {
    const names = all.map(({ name }) => name)
    expect(Object.keys(STORIES).filter(name => !names.includes(name))).toEqual([])
  })

  it.each(all)('$name', async ({ name, args }) => {
    const { code, stdout } = await runCli(['analyze', ...args, '--json', '--fail-on', 'error'])
    const { connections, hosts }: Document = JSON.parse(stdout)
    const stories = connections.flatMap(({ causes }) =>
      causes.map(
        ({ host, id, consequences }) =>
          `${id} on ${host}: ${consequences.map(shown => `${shown.id} on ${shown.host}`).join(', ')}`,
      ),
    )
    const expected = STORIES[name]
    expect([...new Set(stories)]).toEqual(expected === undefined ? [] : [expected])
    const isFaulty = hosts.some(({ report }) => report.findings.some(({ severity }) => severity === 'error'))
    expect(code).toBe(isFaulty ? 1 : 0)
  })
})
