// `ctpcap events --expect`: the lines that `conntrack -E expect -o timestamp` would have printed, in capture time.
import type { FrameSource } from '../../capture/frame.ts'
import type { Engine } from '../../conntrack/engine.ts'
import type { Expectation, ExpectationObserver } from '../../conntrack/expect/expectations.ts'
import { writeExpectationLine } from '../../report/conntrack/expectation.ts'
import { CaptureClock } from '../../report/text/capture-clock.ts'
import type { LineOutput } from '../io/line-output.ts'
import type { Printer } from './line-replay.ts'

export class ExpectationPrinter implements Printer, ExpectationObserver {
  private engine!: Engine
  private source!: FrameSource
  private output!: LineOutput
  private clock: CaptureClock | null = null

  start(engine: Engine, source: FrameSource, output: LineOutput): void {
    this.engine = engine
    this.source = source
    this.output = output
    engine.watchExpectations(this)
  }

  expectation(event: 'NEW' | 'DESTROY', expectation: Expectation): void {
    const { engine, output } = this
    const { context, table } = engine
    const left = (expectation.deadline - context.jiffies) | 0
    // while time passes one ends when its time is over, not when that is noticed
    const time = left <= 0 && engine.frame === 0 ? engine.timeOf(expectation.deadline) : context.time
    this.clock ??= new CaptureClock(this.source.epoch)
    output.text.text('[')
    this.clock.writeMicroStamp(output.text, time)
    output.text.text(']\t')
    const seconds = Math.max(0, Math.floor(left / table.hz))
    writeExpectationLine(output.text, table, expectation, event, seconds)
    output.endLine()
  }

  created(): void {}

  updated(): void {}

  reclassified(): void {}

  expired(): void {}

  destroyed(): void {}

  seen(): void {}
}
