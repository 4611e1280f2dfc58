// The built program as a process: pipes that close, standard input, signals, exit codes.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, openSync, readFileSync, statSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { MAIN, PATIENCE } from '../support/built-program.ts'
import { Folder } from '../support/capture-builder.ts'
import { runCli } from '../support/cli.ts'
import { hasProgram } from '../support/installed.ts'
import { writeSyntheticCapture } from '../support/synthetic-capture.ts'

const CAPTURE = 'fixtures/report/syn-flood.pcap'

const hasShell = ['bash', 'head'].every(program => hasProgram(program, 'process.test.ts: a pipe that closes'))

// the built program is what signals and pipes meet; `npm test` builds it first
if (!existsSync(MAIN)) console.warn('process.test.ts: skipped, there is no dist/: npm run build')
describe.skipIf(!existsSync(MAIN))(
  'the process (dist/, made by npm run build)',
  { timeout: PATIENCE },
  () => {
    it.runIf(hasShell)('ends quietly when its reader goes away', () => {
      const script = `"${process.execPath}" "${MAIN}" ${CAPTURE} --json --top 100000 | head -c 10; echo " \${PIPESTATUS[0]}"`
      const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' })
      expect(stderr).toBe('')
      expect(stdout).toBe('{\n  "schem 0\n')
    })

    it('reads standard input', () => {
      const output = execFileSync(process.execPath, [MAIN, 'analyze', '-'], {
        input: readFileSync(CAPTURE),
        encoding: 'utf8',
      })
      expect(output).toContain('Capture   -: pcap, Ethernet; 200 frames\n')
    })

    it('listens on a second thread, and says what it would have said without', async () => {
      using folder = new Folder()
      const busy = folder.at('busy.pcap')
      // enough for a thread, beside a capture with a fault: findings and owners of the table come from there
      writeSyntheticCapture(busy, { conns: 3000, data: 4, payload: 100, concurrent: 500, pps: 100_000 })
      const args = ['analyze', '--json', busy, 'fixtures/lab/same-bridge-dnat/any.pcap']
      const threaded = execFileSync(process.execPath, [MAIN, ...args], {
        encoding: 'utf8',
        maxBuffer: 1 << 26,
      })
      const { stdout } = await runCli(args)
      expect(JSON.parse(threaded)).toEqual(JSON.parse(stdout))
      expect(JSON.parse(stdout).findings[0].id).toBe('asymmetric-same-bridge-return')
    })

    it('replays half of the scenarios on a second thread, and comes to the same', async () => {
      using folder = new Folder()
      const capture = folder.at('busy.pcap')
      // large enough for a thread
      writeSyntheticCapture(capture, { conns: 7000, data: 6, payload: 200, concurrent: 500, pps: 100_000 })
      expect(statSync(capture).size).toBeGreaterThan(8 << 20)
      const scenarios = [
        'a:tcp_timeout_time_wait=1',
        'b:udp_timeout=5',
        'c:max=1000',
        'd:tcp_timeout_close=1',
      ]
      const args = [
        'size',
        '--json',
        '--filter',
        'ip',
        ...scenarios.flatMap(each => ['--scenario', each]),
        capture,
      ]
      const threaded = execFileSync(process.execPath, [MAIN, ...args], {
        encoding: 'utf8',
        maxBuffer: 1 << 26,
      })
      const { stdout } = await runCli(args)
      expect(JSON.parse(threaded)).toEqual(JSON.parse(stdout))
      expect(JSON.parse(stdout).scenarios).toHaveLength(5)
    })

    it('sets its exit code', () => {
      expect(spawnSync(process.execPath, [MAIN, 'no-such-file']).status).toBe(2)
      const failing = [MAIN, CAPTURE, '--set', 'nf_conntrack_max=1', '--fail-on', 'error', '-q']
      expect(spawnSync(process.execPath, failing).status).toBe(1)
    })

    it('on Ctrl-C during a live capture reports what it saw so far', async () => {
      const child = spawn(process.execPath, [MAIN, 'analyze', '-'])
      let output = ''
      let errors = ''
      child.stdout.on('data', chunk => (output += chunk))
      child.stderr.on('data', chunk => (errors += chunk))
      child.stdin.on('error', () => {})
      // larger than any pipe: when it has been taken, the program is reading
      const frames = readFileSync(CAPTURE)
      await new Promise(resolve => child.stdin.write(frames, resolve))
      for (let i = 0; i < 20; i++) {
        await new Promise(resolve => child.stdin.write(frames.subarray(24), resolve))
      }
      child.kill('SIGINT')
      const code = await new Promise(resolve => child.on('exit', resolve))
      expect({ code, errors }).toEqual({ code: 0, errors: '' })
      expect(output).toMatch(/4,200 frames/)
    })

    it('writes to where standard output goes, whatever it is', () => {
      using folder = new Folder()
      const path = folder.at('out.txt')
      spawnSync(process.execPath, [MAIN, CAPTURE], { stdio: ['ignore', openSync(path, 'w'), 'inherit'] })
      expect(readFileSync(path, 'utf8')).toContain('200 of 200 flows UNREPLIED')
    })
  },
)
