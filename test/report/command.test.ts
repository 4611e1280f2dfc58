// Commands laid out so that a shell takes them as they stand.
import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { commandLines, shellWords } from '../../src/report/text/command.ts'

const COMMANDS = [
  'sysctl net.netfilter.nf_conntrack_max',
  'printf %s \'a  b\' "c \\" d" e\\ f',
  'iptables -t nat -A POSTROUTING -s 10.244.0.5 -d 10.244.0.7 -m conntrack --ctstate DNAT -j MASQUERADE',
  'sysctl -w net.netfilter.nf_conntrack_max=$(( 2 * $(sysctl -n net.netfilter.nf_conntrack_max) ))',
  "tshark -r 'a b.pcap' -Y 'frame.number in {1, 2, 5..9}'",
]

describe('a command in lines', () => {
  it.each(COMMANDS)('%s has every word, and is the same to a shell', command => {
    for (const width of [20, 40, 60, 80, 200]) {
      const lines = commandLines(command, width, '    ')
      for (const line of lines) expect(line).toMatch(/^ {4}/)
      for (const line of lines.slice(0, -1)) expect(line).toMatch(/ \\$/)
      const words = (text: string): string =>
        execFileSync('sh', ['-c', `set -f; for word in ${text}; do printf '%s\\n' "$word"; done`], {
          encoding: 'utf8',
        })
      // what is in $( ) must not run
      const inert = (text: string): string => text.replaceAll('$(', '').replaceAll(')', '')
      expect(words(inert(lines.join('\n')))).toBe(words(inert(command)))
    }
  })

  it('is no wider than the width but for a word that is', () => {
    const lines = commandLines(COMMANDS[2], 60, '  ')
    expect(lines.length).toBeGreaterThan(1)
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(60)
  })

  it('keeps an option beside its value', () => {
    expect(commandLines('iptables -A FORWARD -m conntrack -j DROP', 26, '')).toEqual([
      'iptables -A FORWARD \\',
      '  -m conntrack -j DROP',
    ])
  })
})

describe('the words of a command', () => {
  it('are not taken apart in quotes and parentheses', () => {
    expect(shellWords('a \'b c\' "d e" $(f g) h\\ i')).toEqual(['a', "'b c'", '"d e"', '$(f g)', 'h\\ i'])
  })
})
