// `--series FILE`: the table's size at fixed times, in the format that the file's name asks for.
import type { FrameSource } from '../../capture/frame.ts'
import { type SeriesFormat, type SeriesSubject, seriesWriter } from '../../report/size/size-series.ts'
import { Sampler } from '../../sizing/sampler.ts'
import type { OutputFile } from './output-file.ts'
import { UsageError } from './usage-error.ts'

export const SERIES_HELP =
  "write the table's size over time to FILE, named .csv, .ndjson, or .om or .prom (OpenMetrics with time stamps)"

/** The format a file's name asks for. @throws UsageError */
export function seriesFormat(path: string): SeriesFormat {
  if (path.endsWith('.csv')) return 'csv'
  if (path.endsWith('.ndjson')) return 'ndjson'
  if (path.endsWith('.om') || path.endsWith('.prom')) return 'om'
  throw new UsageError(`--series ${path}: expected a name that ends in .csv, .ndjson, .om or .prom`)
}

export class SeriesFile {
  private readonly file: OutputFile
  private readonly format: SeriesFormat
  private finish = (): void => {}

  constructor(file: OutputFile, format: SeriesFormat) {
    this.file = file
    this.format = format
  }

  /** Samples `subject` from now on, every `interval` nanoseconds. */
  watch(subject: SeriesSubject, source: FrameSource, interval: number): void {
    const writer = seriesWriter(this.format, subject, text => this.file.write(text))
    subject.occupancy.sampler = new Sampler(interval, time => writer.sample(time, source.epoch))
    this.finish = () => writer.finish()
  }

  /** @throws OutputError */
  async commit(): Promise<void> {
    this.finish()
    await this.file.commit()
  }
}
