// `--names FILE`: addresses and their names, as /etc/hosts has them, a line each.
import { FileFault } from '../files/file-fault.ts'
import { formatAddress, parseAddress } from '../files/network.ts'
import { linesOf } from '../files/text-lines.ts'

/** Names of one file, and characters of a name: the longest of DNS has 253. */
const MOST_NAMES = 2_000_000
const MOST_CHARACTERS = 255

/**
 * Adds the names of a file: the first one of each address, whichever file had it first. Comments, empty lines and
 * addresses of one link alone (`fe80::1%eth0`) are passed over.
 * @throws FileFault for a line that does not begin with an address, or that has no name
 */
export function readHosts(text: string, names: Map<string, string>): void {
  for (const { number, text: line } of linesOf(text)) {
    const [first = '', name = ''] = line.replace(/#.*$/, '').trim().split(/\s+/, 2)
    if (first === '' || first.includes('%')) continue
    const address = parseAddress(first)
    if (address === null)
      throw new FileFault(number, `${first.slice(0, 60)}: no address, expected a line such as 10.0.0.7 web`)
    if (name === '') throw new FileFault(number, `${first} has no name, expected a line such as 10.0.0.7 web`)
    const shown = formatAddress(address.family, address.words)
    if (names.has(shown)) continue
    if (names.size === MOST_NAMES) throw new FileFault(number, `more than ${MOST_NAMES} names`)
    names.set(shown, name.length > MOST_CHARACTERS ? `${name.slice(0, MOST_CHARACTERS - 1)}…` : name)
  }
}
