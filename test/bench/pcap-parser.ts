// Counts the records of a capture with pcap-parser: tsx test/bench/pcap-parser.ts CAPTURE.
import pcapParser from 'pcap-parser'

let packets = 0
const parser = pcapParser.parse(process.argv[2])
parser.on('packet', () => {
  packets++
})
parser.on('end', () => console.log(packets))
