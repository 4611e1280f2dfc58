// Files beside the captures that are long, deep, many or oddly named: a result or one line that names file and limit, in linear time.
import { describe, expect, it } from 'vitest'
import { Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'

const CAPTURE = 'fixtures/report/handshake-reordered.pcap'
const MILLION = 1_000_000
/** Names that every object has. */
const INHERITED = ['constructor', '__proto__', 'toString', 'hasOwnProperty', 'valueOf']
const ENTRY =
  'tcp 6 100 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1 [ASSURED]'

const nft = (...items: unknown[]): string => JSON.stringify({ nftables: items })

/** Runs with a file of this text behind an option. */
async function give(
  option: string,
  text: string,
  command = 'analyze',
): Promise<{ code: number; stderr: string; stdout: string }> {
  using folder = new Folder()
  const path = folder.write('given', text)
  const { code, stdout, stderr } = await runCli([command, CAPTURE, option, path])
  const shown = stderr.replaceAll(folder.path, '')
  expect(shown).not.toContain('this is a bug')
  if (code === 2) {
    expect(shown).toMatch(/^ctpcap: (--\w+ )?\/given:/)
    expect(shown.trimEnd().split('\n').length).toBe(1)
    expect(stdout).toBe('')
  } else expect(code).toBe(0)
  expect(shown.length).toBeLessThan(5000)
  return { code, stderr: shown, stdout }
}

// what takes minutes when its time grows with the square of its length; seconds if not
describe('long and many', { timeout: 120_000 }, () => {
  it.each<[string, string, string, RegExp | null]>([
    [
      'a rule with a comment of 9 MB',
      '--rules',
      `*nat\n-A PREROUTING -m comment --comment "${'a\\"'.repeat(3 * MILLION)}" -j ACCEPT\nCOMMIT\n`,
      null,
    ],
    [
      'a quotation without an end',
      '--rules',
      `*nat\n-A PREROUTING --comment "${'\\\\'.repeat(MILLION)}\nCOMMIT\n`,
      /no rules in it/,
    ],
    ['a line of words', '--rules', `*nat\n-A PREROUTING ${'-i eth0 '.repeat(300_000)}\nCOMMIT\n`, null],
    ['a line of blanks', '--rules', `*nat\n-A PREROUTING${' '.repeat(3 * MILLION)}-j ACCEPT\nCOMMIT\n`, null],
    [
      'ports without end',
      '--rules',
      `*nat\n-A PREROUTING -p tcp --dports ${'1,'.repeat(MILLION)}1 -j ACCEPT\nCOMMIT\n`,
      /no rules|more than 15 ports/,
    ],
    [
      'lines of comments',
      '--rules',
      `*nat\n${'# -t\n'.repeat(MILLION)}-A PREROUTING -j ACCEPT\nCOMMIT\n`,
      null,
    ],
    ['more lines than are read', '--rules', '\n'.repeat(2 * MILLION + 1), /more than 2000000 lines/],
    ['many documents', '--rules', '{}'.repeat(400_000), /no rules in it/],
    ['a document of many lines, many times', '--rules', '{\n}\n'.repeat(200_000), /no rules in it/],
    [
      'a long string',
      '--topology',
      `[{"ifname":"${'a'.repeat(9 * MILLION)}","ifindex":1}]`,
      /no name of an interface/,
    ],
    [
      'a string that is passed over',
      '--topology',
      `[{"ifname":"eth0","ifindex":1,"ifalias":"${'\\\\'.repeat(4 * MILLION)}"}]`,
      null,
    ],
    ['a string without an end', '--topology', `[{"ifname":"${'\\"'.repeat(4 * MILLION)}`, /does not end/],
    ['brackets', '--topology', '['.repeat(3 * MILLION), /more than 256 deep/],
    [
      'brackets that end',
      '--rules',
      `${'['.repeat(3 * MILLION)}${']'.repeat(3 * MILLION)}`,
      /more than 256 deep/,
    ],
    ['braces', '--rules', '{"a":'.repeat(MILLION), /more than 256 deep/],
    ['values', '--topology', `[${'0,'.repeat(12 * MILLION)}0]`, /more than 12000000 values/],
    [
      'namespaces',
      '--topology',
      Array.from(
        { length: 60_000 },
        (_, i) => `### namespace n${i}\n1: eth0: <UP> mtu 1500\n    inet 10.0.0.1/24 scope global eth0\n`,
      ).join(''),
      null,
    ],
    [
      'more namespaces than are read',
      '--topology',
      Array.from({ length: 100_002 }, (_, i) => `netns: n${i}\n1: eth0: <UP>\n`).join(''),
      /more than 100000 namespaces/,
    ],
    [
      'interfaces',
      '--topology',
      Array.from({ length: 200_000 }, (_, i) => `${i}: i${i}: <UP> mtu 1500\n`).join(''),
      null,
    ],
    ['a line of colons', '--topology', `1: eth0: <UP> mtu\n${':'.repeat(5 * MILLION)}\n`, null],
    [
      'times that do not end',
      '--table',
      `tcp 6 5 ${'[start='.repeat(140_000)}\n`,
      /expected|more than 65536/,
    ],
    ['such times in entries', '--table', `${ENTRY} ${'[start='.repeat(9000)}\n`.repeat(10), null],
    [
      'a line without an end',
      '--table',
      `${ENTRY} ${'x=1 '.repeat(MILLION)}`,
      /a line of more than 65536 characters/,
    ],
    ['blank lines', '--table', '\n'.repeat(5 * MILLION), null],
    ['a flow without an end', '--table', `<flow>${'\n'.repeat(MILLION)}`, /without its end/],
    [
      'blanks in an element',
      '--table',
      `<flow><meta direction="original"><layer3><src>${' '.repeat(60_000)}x y</src></layer3><layer4 protonum="6"></layer4></meta></flow>`,
      /expected/,
    ],
    [
      'elements that do not end',
      '--table',
      `<flow>${'<meta direction="original">'.repeat(2400)}</flow>`,
      /layer4/,
    ],
    [
      'layers that do not end',
      '--table',
      `<flow><meta direction="original">${'<layer4 '.repeat(8000)}</meta></flow>`,
      /layer4/,
    ],
    [
      'blanks in a sysctl',
      '--sysctl',
      `net.netfilter.nf_conntrack_max = ${' '.repeat(9 * MILLION)}x\n`,
      /no whole number/,
    ],
    ['a long sysctl', '--sysctl', `${'a'.repeat(9 * MILLION)} = 1\n`, /no sysctl of net.netfilter/],
    [
      'sysctls',
      '--sysctl',
      `${'kernel.x = 1\n'.repeat(MILLION)}net.netfilter.nf_conntrack_max = 65536\n`,
      null,
    ],
  ])('%s', async (_what, option, text, reason) => {
    const { code, stderr } = await give(option, text)
    if (reason === null)
      expect([code, stderr.split('\n')[0]]).toEqual([0, expect.stringMatching(/^$|warning/)])
    else {
      expect(stderr).toMatch(reason)
      expect(code).toBe(2)
    }
  })
})

describe('names that every object has', () => {
  it.each(INHERITED)('%s is no family', async name => {
    const chain = { family: name, table: 'x', name: 'y', hook: 'prerouting', type: 'nat', prio: -100 }
    const { code, stderr } = await give('--rules', nft({ chain }))
    expect([code, stderr]).toEqual([2, expect.stringContaining(`unknown family "${name}"`)])
    const rule = { family: name, table: 'x', chain: 'y', expr: [] }
    expect((await give('--rules', nft({ rule }))).stderr).toContain(`unknown family "${name}"`)
  })

  it.each(INHERITED)('%s is a table, a chain, a set, a protocol, a statement like any other', async name => {
    const place = { family: 'ip', table: name }
    const right = { set: [name, { toString: 1, valueOf: 2 }] }
    const text = nft(
      { chain: { ...place, name, hook: 'prerouting', type: name, prio: -300 } },
      { set: { ...place, name, elem: [name] } },
      {
        rule: {
          ...place,
          chain: name,
          handle: 1,
          expr: [{ match: { op: '==', left: { meta: { key: 'l4proto' } }, right } }, { notrack: null }],
        },
      },
      {
        rule: {
          ...place,
          chain: name,
          handle: 2,
          expr: [
            { match: { op: '==', left: { payload: { protocol: name, field: name } }, right: `@${name}` } },
            { jump: { target: name } },
          ],
        },
      },
      {
        rule: {
          ...place,
          chain: name,
          handle: 3,
          expr: [
            { match: { op: 'in', left: { ct: { key: 'state' } }, right: { toString: 1 } } },
            { [name]: { [name]: 1 } },
          ],
        },
      },
    ).replaceAll('"toString":1', '"toString":1,"__proto__":{"x":1}')
    expect((await give('--rules', text)).code).toBe(0)
    const rules = `*${name === '__proto__' ? 'nat' : name}\n:${name} DROP [0:0]\n-A ${name} -p ${name} -m ${name} --state ${name} -j ${name}\n-A PREROUTING -j ${name}\nCOMMIT\n`
    expect((await give('--rules', rules)).code).toBe(0)
  })

  it.each(INHERITED)('%s is an interface, a namespace, a field', async name => {
    const json = `[{"ifname":"${name}","ifindex":1,"${name}":{"${name}":1},"addr_info":[{"local":"10.0.0.1","prefixlen":24}]},{"dst":"${name}","dev":"${name}"}]`
    expect((await give('--topology', json)).code).toBe(0)
    expect(
      (
        await give(
          '--topology',
          `netns: ${name}\n1: ${name}: <UP> mtu 1500 master ${name}\n10.0.0.0/8 dev ${name}\n`,
        )
      ).code,
    ).toBe(0)
  })

  it.each(INHERITED)('%s is no sysctl, preset, state', async name => {
    expect((await give('--sysctl', `net.netfilter.${name} = 1\n`)).stderr).toContain(
      'no sysctl of net.netfilter',
    )
    expect((await give('--sysctl', `net.netfilter.nf_conntrack_${name} = 1\n`)).stderr).toContain(
      'unknown sysctl',
    )
    expect((await give('--table', ENTRY.replace('ESTABLISHED', name.toUpperCase()))).code).toBe(2)
    const entry = { proto_number: 6, timeout: 5, state: 'ESTABLISHED', [`orig_${name}`]: name, [name]: name }
    expect((await give('--table', JSON.stringify(entry))).stderr).toContain('expected two tuples')
    expect((await give('--table', `-A -p ${name}`)).stderr).toContain('expected a protocol')
    expect((await give('--table', `${ENTRY} ${name}=1`)).code).toBe(0)
    for (const option of ['--preset', '--set', '--sort', '--fail-on'])
      expect((await runCli(['analyze', CAPTURE, option, name])).code).toBe(2)
  })
})

describe('names of interfaces', () => {
  it.each(['a23456789012345x', '.', '..', 'a/b', `${'é'.repeat(8)}`])('%s is none', async name => {
    const message = expect.stringContaining('is no name of an interface, expected 1 to 15 bytes')
    expect((await give('--topology', `1: eth0: <UP> mtu\n2: ${name}: <UP> mtu\n`)).stderr).toEqual(message)
    expect((await give('--topology', `1: eth0: <UP> mtu\n2: ${name}: <UP> mtu\n`)).stderr).toContain(
      '/given:2:',
    )
    expect((await give('--topology', JSON.stringify([{ ifname: name }]))).stderr).toEqual(message)
    expect((await give('--topology', `10.0.0.0/8 dev ${name}\n`)).stderr).toEqual(message)
  })

  it.each(['a b', 'a\tb', 'a:b', 'a\u0000b'])('%j of JSON is none', async name => {
    expect((await give('--topology', JSON.stringify([{ ifname: name }]))).stderr).toContain(
      'is no name of an interface',
    )
  })
})
