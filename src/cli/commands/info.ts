// `ctpcap info`: what captures are, and what their frames tell without being tracked.
import { decode } from '../../packet/encapsulation/decode.ts'
import { Packet } from '../../packet/packet.ts'
import { buildInfoReport, type InfoReport } from '../../report/info/info-report.ts'
import { renderJson } from '../../report/json.ts'
import { hostsReport, textOfHosts } from '../../report/text/hosts.ts'
import { linkTypeName } from '../../report/text/link-type.ts'
import { BridgeSurvey } from '../../vantage/survey/bridge-survey.ts'
import { Survey } from '../../vantage/survey/survey.ts'
import { type Io, writeText } from '../io/io.ts'
import { withProgress } from '../io/progress.ts'
import type { Hosts } from '../options/hosts.ts'
import { describeCaptures, endOf } from '../replay/describe-captures.ts'
import { FilteredSource } from '../replay/filtered-source.ts'
import { bridgeCallsOf, clockOffsets, correctionsOf } from '../replay/sightings.ts'
import type { Sysctls } from '../replay/sysctls.ts'
import { reportsOf } from './by-host.ts'
import { type Selection, warnOfDamage, withCaptures } from './line-replay.ts'

export interface InfoOptions extends Selection {
  /** Whose captures they are, `''` where nobody said. */
  host: string
  /** Nothing is replayed: they are said, and what they would do. */
  sysctls: Sysctls
  json: boolean
  color: boolean
  width: number
  /** Whose times of day. */
  zone: string
}

/** Runs the command, for one host after the other. @throws CaptureError, Interrupted */
export async function printInfo(hosts: Hosts<InfoOptions>, io: Io, generator: string): Promise<void> {
  const reports = await reportsOf(hosts, options => infoOfHost(options, io, generator))
  // all but the files is the same for each
  const [options] = hosts
  if (options.json) return await writeText(io.stdout, renderJson(hostsReport(generator, reports)))
  // it brings cli-table3 along, which JSON need not wait for
  const { renderInfoText } = await import('../../report/info/info-text.ts')
  await writeText(
    io.stdout,
    textOfHosts(reports, report => renderInfoText(report, options)),
  )
}

async function infoOfHost(options: InfoOptions, io: Io, generator: string): Promise<InfoReport> {
  const offsets = await clockOffsets(options.captures, 'auto')
  return await withCaptures(
    options,
    io,
    async (source, interrupt) => {
      const survey = new Survey(source)
      const packet = new Packet()
      const bridges = new BridgeSurvey(source, bridgeCallsOf(options.sysctls.host))
      await withProgress(source, io, { quiet: false, ending: interrupt.ending }, async () => {
        do {
          for (let frame = source.next(); frame !== null; frame = source.next()) {
            const isPacket = decode(frame, packet)
            survey.take(frame, packet, isPacket)
            if (isPacket) bridges.take(frame, packet)
          }
        } while (await source.fill())
      })
      interrupt.finish()
      bridges.finish()
      const report = buildInfoReport({
        generator,
        captures: describeCaptures(source),
        filter: source instanceof FilteredSource ? source.report : null,
        sysctls: options.sysctls,
        interfaces: source.interfaces.map(({ capture, linkType }) => ({
          capture,
          linkTypeName: linkTypeName(linkType),
        })),
        epoch: source.epoch,
        end: endOf(source),
        offsets,
        survey,
        bridging: bridges.bridging,
      })
      warnOfDamage(source.captures, io.stderr)
      return report
    },
    { corrections: correctionsOf(offsets) },
  )
}
