// Captures of fixtures/ that no golden stands for, and why not: conformance fails for any other without one.
export const WITHOUT_GOLDEN: Readonly<Record<string, string>> = {
  'formats/pcapng-le-custom-no-idb.pcapng': 'has no frame',
  'formats/pcapng-negative-stamps.pcapng':
    'its second frame is stamped decades later: no replay lasts so long',
  'malformed/cut-in-record-header.pcap': 'its only whole record is no IP packet',
  'malformed/original-length-absurd.pcap': 'its only frame has no whole IP header',
  'malformed/pcapng-option-too-long.pcapng': 'damaged in its section header: no frame can be read',
  'malformed/pcapng-unknown-version.pcapng': 'of an unknown version: refused by ctpcap',
}
