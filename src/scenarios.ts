// The executable of the thread that replays half of the scenarios of `ctpcap size`.
import { parentPort, workerData } from 'node:worker_threads'
import { workOnScenarios } from './cli/replay/scenario-thread.ts'
import { seedHashes } from './net/seeded-hash.ts'

seedHashes(workerData.secret)
parentPort?.postMessage(await workOnScenarios(workerData))
