// The executable of the thread that replays half of the scenarios of `ctpcap size`.
import { parentPort, workerData } from 'node:worker_threads'
import { workOnScenarios } from './cli/scenario-thread.ts'

parentPort?.postMessage(await workOnScenarios(workerData))
