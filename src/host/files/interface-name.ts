// Names that a network interface of Linux may have: dev_valid_name().

/** IFNAMSIZ without the NUL at its end. */
const MOST_BYTES = 15

/** Whether the kernel would let an interface be called that. */
export function isInterfaceName(name: string): boolean {
  if (name === '' || name === '.' || name === '..' || /[\s/:\0]/.test(name)) return false
  return name.length <= MOST_BYTES && Buffer.byteLength(name) <= MOST_BYTES
}

/** What is wrong with a name that is none, for an error; cut where it is long. */
export function interfaceNameFault(name: string): string {
  const shown = name.length > 40 ? `${name.slice(0, 40)}…` : name
  return `${JSON.stringify(shown)} is no name of an interface, expected 1 to ${MOST_BYTES} bytes without white space, "/" or ":", other than "." and ".."`
}
