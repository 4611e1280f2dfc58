// The executable of the listening thread: takes the records of a replay, then answers the one question that comes.
import { parentPort, workerData } from 'node:worker_threads'
import { Listener, type Question } from './findings/listener.ts'
import { seedHashes } from './net/seeded-hash.ts'
import { readShared } from './queue/shared-queue.ts'

const { memory, isInside, secret } = workerData
seedHashes(secret)
const listener = new Listener(isInside)
readShared(memory, (...records) => listener.take(...records))
parentPort?.once('message', (question: Question) => parentPort?.postMessage(listener.conclude(question)))
