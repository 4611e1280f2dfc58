// `--tunnels`: what is inside of tunnels has a table of its own, and is what the tunnel's own interface shows.
import { describe, expect, it } from 'vitest'
import type { Report } from '../../src/report/analyze/model.ts'
import { runCli } from '../support/cli.ts'

const OUTSIDE = 'fixtures/tunnels/vxlan-overlay.eth0.pcap'
const INSIDE = 'fixtures/tunnels/vxlan-overlay.flannel.1.pcap'
const ANY = 'fixtures/tunnels/vxlan-overlay.any.pcap'
const TWO_NETWORKS = 'fixtures/tunnels/vxlan-two-networks.pcap'

async function reportOf(...args: string[]): Promise<Report> {
  return JSON.parse((await runCli(['analyze', '--json', '-q', ...args])).stdout)
}

/** Entries with their states, without what is left of their timeouts. */
async function entriesOf(...args: string[]): Promise<string[]> {
  const { stdout } = await runCli(['list', ...args])
  return stdout
    .trim()
    .split('\n')
    .map(line => line.replace(/^(\w+ +\d+ )\d+ /, '$1'))
    .toSorted()
}

describe('packets inside of a tunnel', () => {
  it('make the entries that the tunnel interface shows', async () => {
    const inside = (await entriesOf(INSIDE)).filter(line => !line.startsWith('unknown'))
    expect(inside.length).toBe(3)
    expect(await entriesOf(OUTSIDE, '--tunnels', 'inner')).toEqual(inside)
    expect(await entriesOf(ANY, '--tunnels', 'inner')).toEqual(inside)
  })

  it('count beside those around them, never among them', async () => {
    const both = await reportOf(OUTSIDE)
    const outer = await reportOf(OUTSIDE, '--tunnels', 'outer')
    const inner = await reportOf(OUTSIDE, '--tunnels', 'inner')
    const { tunnels, tunnelMode, ...around } = both
    expect([tunnelMode, outer.tunnelMode, inner.tunnelMode]).toEqual(['both', 'outer', 'inner'])
    expect(outer).toMatchObject({
      flows: around.flows,
      packets: around.packets,
      table: around.table,
      tunnels: [],
    })
    expect(tunnels).toHaveLength(1)
    const [{ name, ids, flows, packets, table }] = tunnels
    expect({ name, ids }).toEqual({ name: 'vxlan', ids: [1] })
    expect(packets.total).toBe(22)
    expect(inner).toMatchObject({ flows, packets, table, tunnels: [] })
  })

  it('are seen once, however many interfaces show their tunnel', async () => {
    const [inside] = (await reportOf(ANY)).tunnels
    expect(inside.packets.total).toBe(22)
    expect(inside.flows.total).toBe(3)
  })

  it('of different networks do not clash where their addresses do', async () => {
    const { flows, tunnels } = await reportOf(TWO_NETWORKS)
    expect(tunnels).toHaveLength(1)
    const [inside] = tunnels
    expect(inside).toMatchObject({
      ids: [4242, 4711],
      packets: { total: 28, invalid: 0 },
      flows: { total: 2 },
    })
    expect(inside.flows.top.map(flow => [flow.orig.packets, flow.reply.packets])).toEqual([
      [7, 7],
      [7, 7],
    ])
    expect(flows.byProtocol.tcp).toBe(1)
  })

  it('are opened again where they are a tunnel themselves', async () => {
    const { tunnels } = await reportOf('fixtures/tunnels/gre-in-gre.pcap')
    expect(tunnels.map(({ name, packets }) => [name, packets.total])).toEqual([
      ['gre', 628],
      ['gre in gre', 628],
    ])
  })

  it('have sections of their own in the report for people', async () => {
    const { stdout } = await runCli(['analyze', OUTSIDE])
    expect(stdout.match(/^(Capture|Verdict|Flows|Table|Inside|Limits)/gm)).toEqual([
      'OK',
      'Flows',
      'Table',
      'Inside',
      'Flows',
      'Table',
      'Capture',
      'Limits',
    ])
    expect(stdout).toMatch(
      /^Inside {4}vxlan 1: 22 packets inside of the tunnel, tracked in a table of their own$/m,
    )
  })
})

it('a frame is shown under its own number, with the packet inside of it', async () => {
  const { stdout } = await runCli(['packets', '--format', 'tsv', '--tunnels', 'inner', OUTSIDE])
  const rows = stdout.trim().split('\n').slice(1)
  expect(rows).toHaveLength(22)
  expect(rows[0]).toMatch(/^4\t1795321283\.847702000\tnew\toriginal\t/)
})
