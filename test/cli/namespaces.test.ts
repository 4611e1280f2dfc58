// Captures of a node and of a pod without names: a table each where the topology tells, else how to name them.
import { describe, expect, it } from 'vitest'
import { CaptureBuilder, Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'
import { ethernet, filler, ipv4, udp } from '../support/frames.ts'

const POD = [2, 0, 0, 0, 0, 0x22]
const BRIDGE = [2, 0, 0, 0, 0, 0x33]
const NODE_TOPOLOGY = `3: cni0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500
    link/ether 02:00:00:00:00:33 brd ff:ff:ff:ff:ff:ff
    inet 10.0.0.254/24 scope global cni0
4: veth1@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master cni0
    link/ether 02:00:00:00:00:44 brd ff:ff:ff:ff:ff:ff link-netns pod-a
02:00:00:00:00:22 dev veth1 master cni0
`
const RULES = '*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -s 10.9.9.9/32 -j NOTRACK\nCOMMIT\n'

/** A query of the pod, as its own interface and the node's end of the pair show it. */
function query(): Uint8Array {
  const datagram = udp({ sourcePort: 4000, destinationPort: 53 }, filler(10))
  const packet = ipv4(
    { source: '10.0.0.1', destination: '10.0.0.2', protocol: 17, identification: 7 },
    datagram,
  )
  const frame = Uint8Array.from([...BRIDGE, ...POD, ...ethernet(packet).subarray(12)])
  return new CaptureBuilder().frame(frame).bytes()
}

function files(folder: Folder) {
  return {
    veth: folder.write('veth1.pcap', query()),
    pod: folder.write('eth0.pcap', query()),
    other: folder.write('client.pcap', query()),
    topology: folder.write('topology.txt', NODE_TOPOLOGY),
    rules: folder.write('rules.txt', RULES),
  }
}

describe('captures of a node and of a pod', () => {
  it('have a table each where the topology tells which is of which; rules are of the node', async () => {
    using folder = new Folder()
    const { veth, pod, topology, rules } = files(folder)
    const { code, stdout, stderr } = await runCli([
      'list',
      veth,
      pod,
      '--topology',
      topology,
      '--rules',
      rules,
    ])
    expect(code).toBe(0)
    expect(stdout.match(/==> \S+ <==|\[UNREPLIED\]/g)).toEqual([
      '==> host <==',
      '[UNREPLIED]',
      '==> pod-a <==',
      '[UNREPLIED]',
    ])
    expect(stderr).toContain(`with a table each: host=${veth} pod-a=${pod}`)
  })

  it('are named by topologies that are named', async () => {
    using folder = new Folder()
    const { veth, pod, topology, rules } = files(folder)
    const args = ['list', veth, pod, '--topology', `node=${topology}`]
    expect((await runCli(args)).stdout.match(/==> \S+ <==/g)).toEqual(['==> node <==', '==> pod-a <=='])
    // whose the rules are nobody said
    const { stdout, stderr } = await runCli([...args, '--rules', `node=${rules}`])
    expect([stdout.match(/==> \S+ <==/g), stderr.includes('with a table each')]).toEqual([
      ['==> node <==', '==> pod-a <=='],
      true,
    ])
  })

  it('are one table where it does not tell, and Limits say how to name them', async () => {
    using folder = new Folder()
    const { veth, other, topology } = files(folder)
    const { stdout } = await runCli(['analyze', veth, other, '--topology', topology, '--json'])
    const { schema, limits } = JSON.parse(stdout)
    expect(schema).toBe('ctpcap.report/2')
    const limit = limits.find(({ id }: { id: string }) => id === 'several-namespaces')
    expect(limit.text).toContain(`host=${veth} 'host|pod-a=${other}'`)
  })

  it('of one namespace have the interfaces that the topology of it alone tells', async () => {
    using folder = new Folder()
    const { veth, topology } = files(folder)
    const rules = folder.write(
      'drop.txt',
      '*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -i cni0 -j NOTRACK\nCOMMIT\n',
    )
    const other =
      '### namespace pod-b\n2: eth0: <UP> mtu 1500\n    link/ether 02:00:00:00:00:99 brd ff:ff:ff:ff:ff:ff\n'
    const both = folder.write('both.txt', `### namespace node\n${NODE_TOPOLOGY}${other}`)
    const state = async (file: string): Promise<string[]> => {
      const args = ['packets', veth, '--rules', rules, '--topology', file, '--format', 'ndjson']
      return (await runCli(args)).stdout
        .trim()
        .split('\n')
        .map(line => JSON.parse(line).state)
    }
    expect(await state(topology)).toEqual(['untracked'])
    expect(await state(both)).toEqual(['untracked'])
  })

  it('of one namespace are one table, and so are those without a topology', async () => {
    using folder = new Folder()
    const { veth, pod, topology } = files(folder)
    const cni = folder.write('cni0.pcap', query())
    expect((await runCli(['list', veth, cni, '--topology', topology])).stdout).not.toContain('==>')
    expect((await runCli(['list', veth, pod])).stdout).not.toContain('==>')
  })
})
