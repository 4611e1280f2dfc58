// The executable of the thread that counts owners: takes the records of a replay, then answers the one question that comes.
import { parentPort, workerData } from 'node:worker_threads'
import { seedHashes } from './net/seeded-hash.ts'
import { readShared } from './queue/shared-queue.ts'
import { Owners } from './sizing/owners/owners.ts'

const { memory, secret } = workerData
seedHashes(secret)
const owners = new Owners()
readShared(memory, (...records) => owners.takeAll(...records))
parentPort?.once('message', (end: number) => parentPort?.postMessage(owners.largest(end)))
