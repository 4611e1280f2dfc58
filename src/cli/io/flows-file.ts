// `--flows FILE`: every flow as it ends, a line of NDJSON or CSV each, by the name of the file.

import { CSV_HEADER, csvLine } from '../../report/analyze/flow-report.ts'
import type { FlowReport } from '../../report/analyze/model.ts'
import type { OutputFile } from './output-file.ts'
import { UsageError } from './usage-error.ts'

export type FlowsFormat = 'ndjson' | 'csv'

/** The format a file's name asks for. @throws UsageError */
export function flowsFormat(path: string): FlowsFormat {
  if (path.endsWith('.ndjson')) return 'ndjson'
  if (path.endsWith('.csv')) return 'csv'
  throw new UsageError(`--flows ${path}: expected a name that ends in .ndjson or .csv`)
}

export class FlowsFile {
  private readonly file: OutputFile
  private readonly format: FlowsFormat
  /** Whose flows they are, among those of others; `''` where nobody is named. */
  private readonly host: string

  /** @throws OutputError */
  constructor(file: OutputFile, format: FlowsFormat, host: string) {
    this.file = file
    this.format = format
    this.host = host
    if (format === 'csv') file.write(`${this.host === '' ? '' : 'host,'}${CSV_HEADER}\n`)
  }

  /** @throws OutputError */
  add(flow: FlowReport): void {
    const { host } = this
    if (this.format === 'csv') this.file.write(`${host === '' ? '' : `${host},`}${csvLine(flow)}\n`)
    else this.file.write(`${JSON.stringify(host === '' ? flow : { host, ...flow })}\n`)
  }

  /** @throws OutputError */
  async commit(): Promise<void> {
    await this.file.commit()
  }
}
